/* ==== methods: rows for tokens that a model lacks, each method a room ==== */

/* Knows matrices: the anchors' rows in both models, the targets' in the donor, the base's
   tokens. Knows nothing of files, and of tokens only what the caller found out.
   Hides behind one face how a row is made: fitted once to all targets, then made window by
   window in double, so that no method holds more rows than the caller has room for.
   To add a method: a value of otx_method, a room with its fit and make and where they come
   from, a row in methods.h, a twin in tests/method_twins.py.

   Rooms, in order of dependency:
     parts          what methods share: sums of rows, combinations
     pursuit        omp, omp-centred
     constant       mean, zero
     rough          products in float that leave few to be taken in double
     near           each target against all anchors
     weights        how a few anchors combine to a target
     interpolation  common_interpolation
     wechsel        wechsel
     focus          focus
     hull           hull
     dense          matrices of double, and their products
     lengthen       the base's rows of pieces beside the donor's
     mapping        omp-affine, affine
     linear         maps between two models' rows
     clp            clp
     chance         normal deviates that are the same everywhere
     factor         of symmetric matrices
     randn          randn
     john_hewitt    john_hewitt
     polar          the orthogonal part of a matrix
     procrustes     procrustes
     eigen          principal directions of a matrix's rows
     landmark_pca   landmark_pca
     stb            stb
     rope           rows turned to positions
     mp_rope        mp_rope
     subword        subword
     zett           zett
     spread         the factor that suits hidden anchors' rows best
     modifiers      what is done to the rows of any method
     undertrained   rows that look as if nothing had trained them
     methods        the table of all, and the public calls */
