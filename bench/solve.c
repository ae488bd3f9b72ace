/* Solves one data file with the header's solver, for bench/run.sh.

     solve DATA.safetensors OUT.safetensors [--k 64] [--threads N] [--isa NAME]
           [--form NAME] [--memory BYTES] [--targets N] [--repeat N]
           [--ridge X] [--tolerance X] [--cosine 0|1] [--centred 0|1] [--affine 0|1]

   DATA holds donor_anchors [N][d] and targets [B][d], both F32 or BF16. OUT gets
   indices I32 [B][k], coeffs F32 [B][k] and residual_norm F32 [B]. One line of
   JSON on stdout says how long each repeat took; reading is not in it. With --affine
   a line before it says how long an affine map takes, fitted with all its choices and
   applied with the solve's atoms: from the anchors to the same rows in reverse order,
   as its time does not depend on what the base's rows hold. */
#define OMP_TRANSPLANT_IMPLEMENTATION
#include "omp_transplant.h"

#include <stdio.h>

typedef struct settings {
    const char *data, *out;
    otx_context ctx;
    otx_omp_options options;
    size_t targets;
    int repeat;
    bool affine;
} settings;

static void fail(const char *message)
{
    fprintf(stderr, "solve: %s\n", message);
    exit(1);
}

/* The most memory that the process held, in KiB, where the system tells; or 0. */
static long peak_memory(void)
{
    char line[256];
    long kib = 0;
    FILE *file = fopen("/proc/self/status", "r");
    if (!file) return 0;
    while (fgets(line, sizeof line, file))
        if (strncmp(line, "VmHWM:", 6) == 0) kib = atol(line + 6);
    fclose(file);
    return kib;
}

static settings parse(int count, char **words)
{
    settings s;
    int i;
    memset(&s, 0, sizeof s);
    s.repeat = 1;
    for (i = 1; i < count; i++) {
        const char *word = words[i];
        if (strncmp(word, "--", 2) != 0) {
            if (!s.data) s.data = word;
            else s.out = word;
            continue;
        }
        if (++i == count) fail("an option wants a value");
        if (!strcmp(word, "--k")) s.options.k = strtoul(words[i], NULL, 10);
        else if (!strcmp(word, "--threads")) s.ctx.threads = atoi(words[i]);
        else if (!strcmp(word, "--isa")) s.ctx.isa = otx_isa_from_name(words[i]);
        else if (!strcmp(word, "--memory")) s.options.memory = strtoull(words[i], NULL, 10);
        else if (!strcmp(word, "--targets")) s.targets = strtoul(words[i], NULL, 10);
        else if (!strcmp(word, "--repeat")) s.repeat = atoi(words[i]);
        else if (!strcmp(word, "--ridge")) s.options.ridge = strtod(words[i], NULL);
        else if (!strcmp(word, "--tolerance")) s.options.tolerance = strtod(words[i], NULL);
        else if (!strcmp(word, "--cosine")) s.options.cosine = atoi(words[i]) != 0;
        else if (!strcmp(word, "--centred")) s.options.centred = atoi(words[i]) != 0;
        else if (!strcmp(word, "--affine")) s.affine = atoi(words[i]) != 0;
        else if (!strcmp(word, "--form")) {
            int form;
            for (form = 0; form < OTX_FORM_COUNT; form++)
                if (!strcmp(words[i], otx_omp_form_name((otx_omp_form)form))) break;
            s.options.form = (otx_omp_form)form;
        } else fail("unknown option");
    }
    if (!s.out) fail("usage: solve DATA.safetensors OUT.safetensors [options]");
    return s;
}

static otx_matrix read_matrix(const otx_checkpoint *file, const char *name)
{
    const otx_checkpoint_tensor *t = otx_checkpoint_find(file, name);
    otx_matrix matrix;
    otx_error error;
    void *data;
    memset(&matrix, 0, sizeof matrix);
    if (!t || t->tensor->rank != 2) fail(name);
    matrix.rows = (size_t)t->tensor->shape[0];
    matrix.columns = (size_t)t->tensor->shape[1];
    matrix.dtype = t->tensor->dtype;
    data = malloc(matrix.rows * matrix.columns * otx_dtype_bits(matrix.dtype) / 8);
    if (!data) fail("out of memory");
    if (otx_checkpoint_read(file, t, 0, matrix.rows * matrix.columns, data, &error))
        fail(error.message);
    matrix.data = data;
    return matrix;
}

/* Little-endian machines only: this is a benchmark. */
static void write_tensors(const char *path, const otx_omp_output *output, size_t rows, size_t k)
{
    uint64_t shape[2];
    otx_tensor tensors[3];
    otx_layout layout;
    otx_error error;
    size_t i;
    FILE *file = fopen(path, "wb");
    float *coefficients = (float *)malloc(rows * k * sizeof *coefficients);
    float *residuals = (float *)malloc(rows * sizeof *residuals);
    if (!file || !coefficients || !residuals) fail(path);
    shape[0] = rows;
    shape[1] = k;
    memset(tensors, 0, sizeof tensors);
    tensors[0].name = "indices";
    tensors[1].name = "coeffs";
    tensors[2].name = "residual_norm";
    for (i = 0; i < 3; i++) {
        tensors[i].name_size = strlen(tensors[i].name);
        tensors[i].dtype = i ? OTX_F32 : OTX_I32;
        tensors[i].rank = i < 2 ? 2 : 1;
        tensors[i].shape = shape;
    }
    for (i = 0; i < rows * k; i++) coefficients[i] = (float)output->coefficients[i];
    for (i = 0; i < rows; i++) residuals[i] = (float)output->residual_norms[i];
    if (otx_layout_open(NULL, tensors, 3, NULL, 0, &layout, &error)) fail(error.message);
    fwrite(layout.header, 1, layout.header_size, file);
    for (i = 0; i < 3; i++) {
        if (layout.order[i] == 0) fwrite(output->indices, 4, rows * k, file);
        if (layout.order[i] == 1) fwrite(coefficients, 4, rows * k, file);
        if (layout.order[i] == 2) fwrite(residuals, 4, rows, file);
    }
    if (fclose(file)) fail(path);
    otx_layout_close(NULL, &layout);
    free(coefficients);
    free(residuals);
}

/* Targets whose new rows are made and thrown away at a time. */
#define WINDOW 2048

static void time_map(const settings *s, const otx_matrix *atoms, const otx_matrix *targets,
                     const otx_omp_output *output, size_t k)
{
    otx_matrix base = *atoms;
    otx_affine_map map;
    otx_affine_options options;
    otx_affine_stats stats;
    otx_error error;
    uint32_t *index = (uint32_t *)malloc(atoms->rows * sizeof *index);
    double *rows = (double *)malloc(WINDOW * atoms->columns * sizeof *rows), clock;
    size_t i, count;
    if (!index || !rows) fail("out of memory");
    for (i = 0; i < atoms->rows; i++) index[i] = (uint32_t)(atoms->rows - 1 - i);
    base.index = index;
    memset(&options, 0, sizeof options);
    options.memory = s->options.memory;
    if (otx_affine_fit(&s->ctx, atoms, &base, targets, &options, &map, &stats, &error))
        fail(error.message);
    clock = otx__now();
    for (i = 0; i < targets->rows; i += count) {
        count = targets->rows - i < WINDOW ? targets->rows - i : WINDOW;
        if (otx_affine_apply(&s->ctx, &map, atoms, &base, targets, i, count, output->indices,
                             output->coefficients, k, rows, &error))
            fail(error.message);
    }
    clock = otx__now() - clock;
    printf("{\"fit\": %.4f, \"products\": %.4f, \"solve\": %.4f, \"pursuit\": %.4f, "
           "\"trials\": %.4f, \"apply\": %.4f, \"choices\": %llu, \"hidden\": %llu, "
           "\"peak_bytes\": %llu}\n",
           stats.seconds, stats.seconds_products, stats.seconds_solve, stats.seconds_pursuit,
           stats.seconds_trials, clock, (unsigned long long)map.trial_count,
           (unsigned long long)map.hidden, (unsigned long long)stats.peak_bytes);
    otx_affine_close(&map);
    free(index);
    free(rows);
}

int main(int count, char **words)
{
    settings s = parse(count, words);
    otx_checkpoint file;
    otx_error error;
    otx_matrix atoms, targets;
    otx_omp_output output;
    otx_omp_stats stats;
    double *seconds;
    size_t k;
    int i;
    if (otx_checkpoint_open(NULL, s.data, &file, &error)) fail(error.message);
    atoms = read_matrix(&file, "donor_anchors");
    targets = read_matrix(&file, "targets");
    if (s.targets && s.targets < targets.rows) targets.rows = s.targets;
    k = otx_omp_k(s.options.k, atoms.rows, atoms.columns);
    output.indices = (int32_t *)malloc(targets.rows * k * sizeof(int32_t));
    output.coefficients = (double *)malloc(targets.rows * k * sizeof(double));
    output.residual_norms = (double *)malloc(targets.rows * sizeof(double));
    output.target_norms = NULL;
    if (!output.indices || !output.coefficients || !output.residual_norms) fail("out of memory");
    seconds = (double *)malloc((size_t)s.repeat * sizeof *seconds);
    if (!seconds) fail("out of memory");
    for (i = 0; i < s.repeat; i++) {
        if (otx_omp(&s.ctx, &atoms, &targets, &s.options, &output, &stats, &error))
            fail(error.message);
        seconds[i] = stats.seconds;
        if (s.affine) time_map(&s, &atoms, &targets, &output, k);
    }
    printf("{\"seconds\": [");
    for (i = 0; i < s.repeat; i++) printf("%s%.4f", i ? ", " : "", seconds[i]);
    printf("], \"isa\": \"%s\", \"threads\": %d, \"form\": \"%s\", \"peak_bytes\": %llu, "
           "\"stages\": {\"gram\": %.4f, \"correlate\": %.4f, \"scan\": %.4f, "
           "\"select\": %.4f, \"finish\": %.4f}, \"rescore\": %.4f, "
           "\"factor\": %.4f, \"predict\": %.4f, \"steps\": %llu, \"passes\": %llu, "
           "\"columns\": %llu, "
           "\"candidates_per_step\": %.4f, \"candidates_p99\": %llu, \"fallbacks\": %llu, "
           "\"plan\": \"%s\", \"vm_hwm_kib\": %ld}\n",
           otx_isa_name(stats.isa), stats.threads, otx_omp_form_name(stats.form),
           (unsigned long long)stats.peak_bytes, stats.seconds_gram, stats.seconds_correlate,
           stats.seconds_scan, stats.seconds_select, stats.seconds_finish,
           stats.seconds_rescore, stats.seconds_factor, stats.seconds_predict,
           (unsigned long long)stats.steps, (unsigned long long)stats.passes,
           (unsigned long long)stats.columns,
           stats.steps ? (double)stats.candidates / (double)stats.steps : 0.0,
           (unsigned long long)stats.candidates_99, (unsigned long long)stats.fallbacks,
           stats.plan, peak_memory());
    write_tensors(s.out, &output, targets.rows, k);
    otx_checkpoint_close(NULL, &file);
    free(seconds);
    return 0;
}
