/* ==== solve: Orthogonal Matching Pursuit for many targets, and affine maps ==== */

/* Knows atoms, targets, and supports: the atoms that a target has selected. Knows nothing of
   tokens or models.

   Hides low precision. What decides is computed in double, every operation rounded, in one
   order, whatever the form, the kernels and the threads, so that all give the same bits:
     the residual, the scores of atoms by it, the end of a target    support.h, select.h
     the factor of the support's Gram matrix, the coefficients       support.h, triangle.h
     products of atoms, which are exact in double, kept or not       support.h, exact_gram.h
     the mean taken off in a centred solve; new rows                 views.h, combine.h
   All else screens: cheap arithmetic that leaves the atoms which may score best, within a
   bound of its error that is proved (screen.h); or guesses, which cost nothing but time where
   they are wrong (predict.h).

   A solve is a pursuit (pursuit.h). It owns one pool of memory, given back at its end; atoms,
   targets and the arrays of results are the caller's. Tasks that run at once write to the
   scratch of their worker, and to targets or tiles that are theirs alone.

   Read support.h first: its exhaustive step is the method. Then screen.h for the bound, and
   steps.h for the order of it all.

   The affine rooms fit maps between two models' rows: their sums are of whole numbers, exact in
   every order (affine_digits.h), their systems solved in double in one (affine_normal.h).

   Rooms, in order of dependency:
     views          the rows of matrices, as the kernels read them
     panels         vectors as the dense products want them, and these
     rests          vectors on their way into panels
     dictionary     the atoms, and their split along a common direction
     sharing        columns that many atoms have in common
     exact_gram     products of all pairs of atoms in double
     triangle       packed lower triangles
     support        what is known of one target, and the exact steps
     gram_table     products of atoms with all atoms
     screen         which atoms are worth scoring in double: the bound
     residuals      the residual form's targets on their way into a scan
     scan           the correlations of all atoms with a block's residuals
     predict        making targets ready for the next scan
     candidates     the atoms that a scan could not rule out
     select         the next atoms of each target
     single         many steps of one target before those of the next
     rates          what a processor does in a second
     pursuit        what one solve holds, and the memory it takes
     plan           which form, and in what blocks
     apart          targets that a table of products cannot tell on
     steps          a pursuit from its rows to its results
     combine        new rows of coefficients
     solver         the public call
     affine_digits  whole numbers of 16 bits, whose products are exact
     affine_normal  the normal equations of an affine map
     affine_factor  their factor, and their solution
     affine_map     a fitted map, and the rows it makes
     affine_choice  how many atoms to take, and chosen by what
     affine_fit     what a fit of an affine map holds and needs
     affine         fitting and applying affine maps */
