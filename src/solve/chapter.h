/* ==== solve: Orthogonal Matching Pursuit for many targets ==== */

/* Knows atoms, targets and supports, and nothing of tokens or models.

   Rooms, in order of dependency:
     views       the rows of matrices, as the kernels read them
     panels      vectors as the dense products want them, and these
     rests       vectors on their way into panels
     dictionary  the atoms, and their split along a common direction
     exact_gram  products of all pairs of atoms in double
     triangle    packed lower triangles
     support     what is known of one target, and the exact steps
     gram_table  products of atoms with all atoms, for scans
     screen      which atoms are worth scoring in double: the bound
     scan        the correlations of all atoms with a block's residuals
     predict     making targets ready for the next scan
     candidates  the atoms that a scan could not rule out
     select      the next atoms of each target
     pursuit     what one solve holds, and the memory it takes
     plan        which form, and in what blocks
     steps       a pursuit from its rows to its results
     combine     new rows of coefficients
     solver      the public call */
