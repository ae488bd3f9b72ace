/* ---- solver: the public call ---------------------------------------------------- */

/* Atoms of a target where the caller names no number. */
#define OTX__K_DEFAULT 64

/* The most ridge: beyond all use, and far from where the coefficients that screening
   keeps as floats would vanish. */
#define OTX__RIDGE_MAX 1e6

OTX_API size_t otx_omp_k(size_t k, size_t atoms, size_t columns)
{
    return otx__min(k ? k : OTX__K_DEFAULT, otx__min(atoms, columns));
}

/* ---- checks ---- */

OTX__PRIVATE otx_result otx__check_matrix(const otx_matrix *matrix, const char *name,
                                          otx_error *error)
{
    size_t bytes;
    if (!matrix || !otx_dtype_is_embedding(matrix->dtype))
        return otx__fail(error, OTX_ERROR_ARGUMENT,
                         "%s: not a matrix of F64, F32, F16, BF16 or F8", name);
    if (matrix->rows == 0 || matrix->columns == 0 || !matrix->data)
        return otx__fail(error, OTX_ERROR_ARGUMENT, "%s: the matrix is empty", name);
    if (matrix->rows > INT32_MAX || matrix->columns > INT32_MAX ||
        (matrix->stride && matrix->stride < matrix->columns))
        return otx__fail(error, OTX_ERROR_ARGUMENT,
                         "%s: %" PRIu64 " rows of %" PRIu64 " columns, stride %" PRIu64
                         ", are out of range",
                         name, (uint64_t)matrix->rows, (uint64_t)matrix->columns,
                         (uint64_t)matrix->stride);
    if (!otx__mul(matrix->rows, matrix->columns, &bytes) || !otx__mul(bytes, 8, &bytes))
        return otx__fail(error, OTX_ERROR_ARGUMENT, "%s: the matrix is too large", name);
    return OTX_OK;
}

OTX__PRIVATE otx_result otx__check_matrices(const otx_matrix *atoms, const otx_matrix *targets,
                                            otx_error *error)
{
    otx_result result = otx__check_matrix(atoms, "atoms", error);
    if (!result) result = otx__check_matrix(targets, "targets", error);
    if (!result && atoms->columns != targets->columns)
        return otx__fail(error, OTX_ERROR_ARGUMENT,
                         "atoms have %" PRIu64 " columns and targets %" PRIu64,
                         (uint64_t)atoms->columns, (uint64_t)targets->columns);
    return result;
}

OTX__PRIVATE otx_result otx__fail_option(otx_error *error, const char *name, double value,
                                         const char *range)
{
    char number[OTX__DOUBLE_TEXT + 1];
    number[otx__double_text(number, value)] = 0;
    return otx__fail(error, OTX_ERROR_ARGUMENT, "the solver's %s, %s, is out of range: %s", name,
                     number[0] ? number : "infinite or not a number", range);
}

/* targets: how many there are. */
OTX__PRIVATE otx_result otx__check_options(const otx_omp_options *options, size_t targets,
                                           otx_error *error)
{
    if ((unsigned)options->form >= OTX_FORM_COUNT)
        return otx__fail(error, OTX_ERROR_ARGUMENT, "the solver's form, %d, is out of range",
                         (int)options->form);
    if (options->form != OTX_FORM_AUTO && !otx__form_is_here(options->form))
        return otx__fail(error, OTX_ERROR_UNSUPPORTED, "this build has no %s form: it was made "
                         "with OTX_SMALL", otx__word(otx_omp_form_name(options->form)));
    if (options->tolerance < 0.0 || !otx__is_finite(options->tolerance))
        return otx__fail_option(error, "tolerance", options->tolerance, "0 or more");
    if (!(options->ridge >= 0.0 && options->ridge <= OTX__RIDGE_MAX))
        return otx__fail_option(error, "ridge", options->ridge, "0 to 1000000");
    if (options->first_target >= targets ||
        options->target_count > targets - options->first_target)
        return otx__fail(error, OTX_ERROR_ARGUMENT,
                         "targets %" PRIu64 " to %" PRIu64 " are not among %" PRIu64,
                         (uint64_t)options->first_target,
                         (uint64_t)options->first_target + options->target_count,
                         (uint64_t)targets);
    return OTX_OK;
}

/* All that a caller may have got wrong, and the kernels that are wanted. */
OTX__PRIVATE otx_result otx__pursuit_check(otx__pursuit *pursuit, otx_error *error)
{
    const otx_omp_options *options = pursuit->options;
    otx_isa isa = pursuit->ctx.isa;
    otx_result result = otx__check_matrices(pursuit->atoms, pursuit->targets, error);
    if (result) return result;
    pursuit->problem.k = otx_omp_k(options->k, pursuit->atoms->rows, pursuit->atoms->columns);
    if (otx__form_scans(options->form) && pursuit->problem.k > OTX__SCAN_K_MAX)
        return otx__fail(error, OTX_ERROR_ARGUMENT,
                         "the forms with products of atoms take at most %d atoms per target, "
                         "not %" PRIu64,
                         OTX__SCAN_K_MAX, (uint64_t)pursuit->problem.k);
    if (!pursuit->output || !pursuit->output->indices || !pursuit->output->coefficients)
        return otx__fail(error, OTX_ERROR_ARGUMENT, "an output array is missing");
    result = otx__check_options(options, pursuit->targets->rows, error);
    if (result) return result;
    pursuit->dictionary.kernels = otx__kernels_for(isa);
    if (!pursuit->dictionary.kernels)
        return otx__fail(error, OTX_ERROR_UNSUPPORTED,
                         "this machine or build has no instruction set \"%s\"",
                         otx_isa_name(isa) ? otx_isa_name(isa) : "?");
    return OTX_OK;
}

/* ---- the calls ---- */

/* Checks and plans for the caller's arguments, which an otherwise empty pursuit holds. Takes
   no memory. */
OTX__PRIVATE otx_result otx__pursuit_open(otx__pursuit *pursuit, const otx_context *ctx,
                                          otx_error *error)
{
    const otx_omp_options *options = pursuit->options;
    otx__dictionary *dictionary = &pursuit->dictionary;
    otx_result result;
    if (ctx) pursuit->ctx = *ctx;
    pursuit->ctx.threads = otx__threads(ctx); /* it must not change on the way */
    otx__pool_open(&pursuit->pool, &pursuit->ctx);
    result = otx__pursuit_check(pursuit, error);
    if (result) return result;
    pursuit->first = options->first_target;
    pursuit->end = options->target_count ? options->first_target + options->target_count
                                         : pursuit->targets->rows;
    dictionary->ctx = &pursuit->ctx;
    dictionary->count = pursuit->atoms->rows;
    dictionary->columns = pursuit->atoms->columns;
    dictionary->tiles = otx__tiles(dictionary->count);
    dictionary->cosine = options->cosine;
    pursuit->problem.dictionary = dictionary;
    pursuit->problem.tolerance = options->tolerance;
    pursuit->problem.ridge = options->ridge;
    pursuit->screen.problem = &pursuit->problem;
    return otx__pursuit_plan(pursuit, error);
}

/* otx_omp, told what columns the atoms share; NULL: none. */
OTX__PRIVATE otx_result otx__omp_shared(const otx_context *ctx, const otx_matrix *atoms,
                                        const otx__sharing *sharing, const otx_matrix *targets,
                                        const otx_omp_options *options,
                                        const otx_omp_output *output, otx_omp_stats *stats,
                                        otx_error *error)
{
    otx_omp_options defaults;
    otx__pursuit pursuit;
    otx__team team;
    otx_result result;
    double start = otx__now();
    memset(&defaults, 0, sizeof defaults);
    memset(&pursuit, 0, sizeof pursuit);
    pursuit.atoms = atoms;
    pursuit.sharing = sharing;
    pursuit.targets = targets;
    pursuit.options = options ? options : &defaults;
    pursuit.output = output;
    result = otx__pursuit_open(&pursuit, ctx, error);
    if (!result) result = otx__pursuit_take(&pursuit, error);
    otx__team_open(&team, &pursuit.ctx);
    if (!result) result = otx__pursuit_run(&pursuit, error);
    otx__team_close(&team, &pursuit.ctx);
    if (!result && stats) {
        *stats = pursuit.stats;
        stats->form = pursuit.form;
        stats->isa = pursuit.dictionary.kernels->isa;
        stats->threads = pursuit.ctx.threads;
        stats->peak_bytes = pursuit.pool.bytes;
        stats->seconds = otx__now() - start;
    }
    otx__pool_close(&pursuit.pool);
    return result;
}

OTX_API otx_result otx_omp(const otx_context *ctx, const otx_matrix *atoms,
                           const otx_matrix *targets, const otx_omp_options *options,
                           const otx_omp_output *output, otx_omp_stats *stats,
                           otx_error *error)
{
    return otx__omp_shared(ctx, atoms, NULL, targets, options, output, stats, error);
}
