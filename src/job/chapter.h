/* ==== job: the whole transplant, in the order in which it happens ==== */

/* Knows the order of things and little else: open both models, align, plan, solve, rebuild,
   write, commit.
   Hides nothing: run.h reads like the README.
   A job owns all it opened; what fails leaves nothing under the output's name.
   Read job.h, then run.h.

   Rooms, in order of dependency:
     job      what a job holds, and opening the two models
     map      the caller's map
     plan     what becomes of every tensor
     open     opening a job
     rows     rows in memory
     solve    solving for the rows of the donor
     rebuild  the new rows of one vocabulary tensor
     write    the new weights and their index
     copy     the other files of the two models
     run      running a job
     report   what a job did, as JSON and as a table
     verify   whether a finished directory agrees with itself */
