/* ==== solve: Orthogonal Matching Pursuit for many targets ==== */

/* Knows atoms, targets and supports, and nothing of tokens or models.
   Hides low precision: cheap arithmetic screens, with a proved bound, and what is left is
   decided in double, in one order (support.h).
   A solve owns one pool, given back at its end; results go to the caller's arrays.
   Read support.h for the method itself, screen.h for the bound, solve.h for the order of it
   all.

   Rooms, in order of dependency:
     panels          vectors as the dense products want them
     dictionary      the atoms, split along their common direction
     exact_products  products of all pairs of atoms in double
     triangle        packed lower triangles
     support         what is known of one target, and the exact steps
     gram_table      products of atoms with all atoms, for scans
     screen          which atoms are worth scoring in double
     predict         making targets ready for the next scan
     select          the next atoms of each target
     plan            which form, and in what blocks
     solve           the solve itself
     affine_digits   whole numbers of 16 bits, whose products are exact
     affine_normal   the normal equations of an affine map, and their solution
     affine_map      a fitted map, and the rows it makes
     affine_choice   how many atoms to take, and chosen by what
     affine          fitting and applying affine maps */
