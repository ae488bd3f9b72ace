/* transplant - give a language model another model's tokenizer.

       cc -O3 -fopenmp -I. examples/transplant.c -o transplant -lm
       ./transplant BASE DONOR OUT

   The whole job is the library's; here are the command line, the progress on the
   terminal and the printing. Only the public functions of omp_transplant.h are
   used, so this file shows them at work too. */

#if defined(__STRICT_ANSI__) && !defined(_POSIX_C_SOURCE)
#define _POSIX_C_SOURCE 200809L /* -std=c99 hides lstat and clock_gettime */
#endif
#ifndef _FILE_OFFSET_BITS
#define _FILE_OFFSET_BITS 64 /* files of 2 GiB and more on 32-bit systems; before any header */
#endif
#define OMP_TRANSPLANT_IMPLEMENTATION
#include "omp_transplant.h"

#include <errno.h>
#include <float.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#ifdef _WIN32
#define WIN32_LEAN_AND_MEAN
#include <fcntl.h>
#include <io.h>
#include <windows.h>
#include <shellapi.h> /* needs windows.h */
#else
#include <sys/ioctl.h>
#include <unistd.h>
#endif

enum { STATUS_OK = 0, STATUS_ERROR = 1, STATUS_MISUSE = 2, STATUS_INTERRUPTED = 130 };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- text ------------------------------------------------------------------- */

/* Room for one number, size or duration as text. */
#define NUMBER 40

/* Most bytes of a name or token that a line shows; longer ones end in "...". */
#define SHOWN 100

/* Names and tokens come from files: quotes and all but printable ASCII are shown as
   \xNN (the way --map reads it), so that none can play with the terminal. Returns
   `to`. */
static const char *escape(char to[SHOWN], const char *bytes, size_t size)
{
    size_t i, length = 0;
    for (i = 0; i < size && length < SHOWN - 8; i++) {
        unsigned char byte = (unsigned char)bytes[i];
        if (byte == '\\') length += (size_t)sprintf(to + length, "\\\\");
        else if (byte >= 0x20 && byte < 0x7f && byte != '"') to[length++] = (char)byte;
        else length += (size_t)sprintf(to + length, "\\x%02x", byte);
    }
    strcpy(to + length, i < size ? "..." : "");
    return to;
}

/* 1234567 as "1,234,567". Returns `to`. */
static const char *grouped(char to[NUMBER], uint64_t number)
{
    char digits[NUMBER];
    size_t i, length, count = (size_t)snprintf(digits, sizeof digits, "%" PRIu64, number);
    for (i = length = 0; i < count; i++) {
        if (i > 0 && (count - i) % 3 == 0) to[length++] = ',';
        to[length++] = digits[i];
    }
    to[length] = 0;
    return to;
}

/* Bytes as "12.3 MiB". Returns `to`. */
static const char *size_text(char to[NUMBER], double bytes)
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    size_t unit = 0;
    while (bytes >= 1024 && unit + 1 < COUNT(units)) bytes /= 1024, unit++;
    snprintf(to, NUMBER, "%.*f %s", unit > 0, bytes, units[unit]);
    return to;
}

/* Seconds as "2:05" or "1:02:05". Returns `to`. */
static const char *duration_text(char to[NUMBER], double seconds)
{
    uint64_t whole = seconds < 1e9 ? (uint64_t)seconds : 999999999;
    unsigned minutes = (unsigned)(whole / 60 % 60), rest = (unsigned)(whole % 60);
    if (whole < 3600) snprintf(to, NUMBER, "%u:%02u", minutes, rest);
    else snprintf(to, NUMBER, "%" PRIu64 ":%02u:%02u", whole / 3600, minutes, rest);
    return to;
}

/* ---- the command line ----------------------------------------------------------- */

typedef enum command {
    TRANSPLANT, DRAFT, DRAFT_HEAD, INSPECT, ALIGN, VERIFY, EVALUATE, TRIM, BYTES, EXTEND, MAP,
    TOKENS, HELP, COMMAND_COUNT
} command;

typedef struct settings {
    command command;
    const char **arguments; /* BASE, DONOR, OUT or what the sub-command takes */
    size_t argument_count;
    otx_job_options job;
    const char **map;
    otx_isa isa;
    int threads;
    bool dry_run, quiet, help, version;
    otx_engine engine;
    const char *report, *token_report, *draft_for;
    const char *draft_vocab; /* a file, or a number */
    /* evaluate */
    otx_evaluate_options evaluate;
    otx_method methods[OTX_METHOD_COUNT];
    const char *json, *html;
    /* trim, extend */
    const char *keep, *drop, *tokens, *tokens_of, *donor;
    const char **texts;
    size_t text_count;
    uint64_t first, most, least;
    bool by_subword;
    /* count */
    const char *tsv;
    /* map */
    const char *safetensors;
    bool input;
} settings;

/* The commands that an option is for, as bits. */
#define FOR(command) (1U << (command))
#define FOR_TRANSPLANTS (FOR(TRANSPLANT) | FOR(DRAFT))
#define FOR_SOLVERS (FOR_TRANSPLANTS | FOR(EVALUATE) | FOR(EXTEND))
#define FOR_RESHAPERS (FOR(TRIM) | FOR(BYTES) | FOR(EXTEND))
#define FOR_DRAFTS (FOR_TRANSPLANTS | FOR(DRAFT_HEAD))
#define FOR_MAKERS (FOR_SOLVERS | FOR(MAP))
#define FOR_ALL (FOR(COMMAND_COUNT) - 1)

/* One list feeds the ids and the table: id, name, letter, whether it takes a value, which
   commands it is for. */
#define OPTIONS(X) \
    X(OPTION_K, "k", 'k', true, FOR_MAKERS) \
    X(OPTION_METHOD, "approximation-method", 'a', true, FOR_TRANSPLANTS | FOR(MAP) | FOR(EXTEND)) \
    X(OPTION_HEAD_METHOD, "head-method", 0, true, FOR_TRANSPLANTS) \
    X(OPTION_COSINE, "cosine", 'c', false, FOR_MAKERS) \
    X(OPTION_SUBWORD, "subword-method", 's', true, FOR_MAKERS) \
    X(OPTION_PIECES, "pieces", 0, true, FOR_SOLVERS) \
    X(OPTION_NORM, "norm", 0, true, FOR_SOLVERS) \
    X(OPTION_CLIP, "clip-norms", 0, true, FOR_SOLVERS) \
    X(OPTION_NOISE, "new-vocab-noise", 0, true, FOR_SOLVERS) \
    X(OPTION_SCALE, "new-vocab-scale", 0, true, FOR_SOLVERS) \
    X(OPTION_DONOR_HEADS, "donor-heads", 0, true, FOR_SOLVERS) \
    X(OPTION_BASE_HEADS, "base-heads", 0, true, FOR_SOLVERS) \
    X(OPTION_DONOR_ROPE, "donor-rope", 0, true, FOR_SOLVERS) \
    X(OPTION_BASE_ROPE, "base-rope", 0, true, FOR_SOLVERS) \
    X(OPTION_WEIGHTS, "weight-scheme", 0, true, FOR_MAKERS) \
    X(OPTION_RIDGE, "ridge", 0, true, FOR_MAKERS) \
    X(OPTION_TOLERANCE, "tolerance", 0, true, FOR_MAKERS) \
    X(OPTION_ROWS, "rows", 0, true, FOR(TRANSPLANT) | FOR_RESHAPERS) \
    X(OPTION_MAP, "map", 0, true, FOR_TRANSPLANTS) \
    X(OPTION_PADDING, "padding", 0, true, FOR_TRANSPLANTS) \
    X(OPTION_CHAT, "chat-template", 0, true, FOR(TRANSPLANT)) \
    X(OPTION_DTYPE, "dtype", 0, true, FOR_TRANSPLANTS) \
    X(OPTION_EMBEDDING_TYPE, "embedding-type", 0, true, FOR_TRANSPLANTS) \
    X(OPTION_PRE, "pre", 0, true, FOR_TRANSPLANTS) \
    X(OPTION_SPLIT_SIZE, "split-max-size", 0, true, FOR_DRAFTS) \
    X(OPTION_DRAFT_VOCAB, "draft-vocab", 0, true, FOR_DRAFTS) \
    X(OPTION_SPLIT, "split-digits", 0, false, FOR(TRANSPLANT)) \
    X(OPTION_BYTES, "byte-match", 0, true, FOR_TRANSPLANTS) \
    X(OPTION_PREFIX, "prefix-match", 0, true, FOR_TRANSPLANTS) \
    X(OPTION_MAGIKARP, "magikarp", 0, false, FOR_TRANSPLANTS) \
    X(OPTION_SATURATE, "saturate", 0, false, FOR_TRANSPLANTS) \
    X(OPTION_OVERWRITE, "overwrite", 0, false, FOR_DRAFTS | FOR_RESHAPERS) \
    X(OPTION_DRY_RUN, "dry-run", 0, false, FOR_DRAFTS) \
    X(OPTION_MEMORY, "memory", 0, true, FOR_MAKERS) \
    X(OPTION_THREADS, "threads", 0, true, FOR_MAKERS) \
    X(OPTION_ISA, "isa", 0, true, FOR_MAKERS) \
    X(OPTION_REPORT, "report", 0, true, FOR_TRANSPLANTS) \
    X(OPTION_TOKEN_REPORT, "token-report", 0, true, FOR_TRANSPLANTS) \
    X(OPTION_DRAFT_FOR, "draft-for", 0, true, FOR(VERIFY)) \
    X(OPTION_ENGINE, "engine", 0, true, FOR(VERIFY) | FOR(DRAFT)) \
    X(OPTION_METHODS, "methods", 0, true, FOR(EVALUATE)) \
    X(OPTION_HOLDOUT, "holdout", 0, true, FOR(EVALUATE)) \
    X(OPTION_SEED, "seed", 0, true, FOR_SOLVERS) \
    X(OPTION_JSON, "json", 0, true, FOR(EVALUATE) | FOR(MAP) | FOR(TOKENS)) \
    X(OPTION_TSV, "tsv", 0, true, FOR(TOKENS)) \
    X(OPTION_HTML, "html", 0, true, FOR(EVALUATE)) \
    X(OPTION_KEEP, "keep", 0, true, FOR(TRIM)) \
    X(OPTION_DROP, "drop", 0, true, FOR(TRIM)) \
    X(OPTION_TOKENS, "tokens", 0, true, FOR(EXTEND)) \
    X(OPTION_TOKENS_OF, "tokens-of", 0, true, FOR(EXTEND)) \
    X(OPTION_DONOR, "donor", 0, true, FOR(EXTEND)) \
    X(OPTION_MOST, "max", 0, true, FOR(EXTEND)) \
    X(OPTION_BY, "by", 0, true, FOR(BYTES)) \
    X(OPTION_FIRST, "first", 0, true, FOR(TRIM) | FOR(EXTEND)) \
    X(OPTION_LEAST, "min-count", 0, true, FOR(TRIM)) \
    X(OPTION_TEXT, "text", 0, true, FOR(TRIM)) \
    X(OPTION_SAFETENSORS, "safetensors", 0, true, FOR(MAP)) \
    X(OPTION_SIDE, "side", 0, true, FOR(MAP)) \
    X(OPTION_QUIET, "quiet", 'q', false, FOR_ALL) \
    X(OPTION_VERSION, "version", 'V', false, FOR_ALL) \
    X(OPTION_HELP, "help", 'h', false, FOR_ALL)

#define OPTION_ID(id, name, letter, takes_value, commands) id,
typedef enum option_id { OPTIONS(OPTION_ID) OPTION_COUNT } option_id;

static const struct {
    const char *name;
    char letter;
    bool takes_value;
    unsigned commands;
} options[OPTION_COUNT] = {
#define OPTION_ROW(id, name, letter, takes_value, commands) {name, letter, takes_value, commands},
    OPTIONS(OPTION_ROW)
};

static const char *const help_transplant[] = {
    "usage: transplant BASE DONOR OUT [options]\n"
    "       transplant draft SMALL TARGET OUT [options]\n"
    "       transplant draft-head MODEL OUT --draft-vocab FILE | N\n"
    "       transplant inspect FILE_OR_DIR\n"
    "       transplant align BASE DONOR\n"
    "       transplant verify MODEL [--draft-for TARGET [--engine NAME]]\n"
    "       transplant evaluate BASE DONOR [--methods LIST]\n"
    "       transplant trim MODEL OUT --keep FILE | --drop FILE | --first N\n"
    "       transplant bytes MODEL OUT [--by own | subword]\n"
    "       transplant extend MODEL OUT --tokens FILE | --donor DONOR\n"
    "       transplant map A B [--safetensors FILE] [--json FILE]\n"
    "       transplant count TOKENIZER TEXT... [--tsv FILE] [--json FILE]\n"
    "       transplant help [COMMAND]\n"
    "\n"
    "Writes to OUT the model BASE with the tokenizer of DONOR. Each is a directory in\n"
    "safetensors or a GGUF file, in any mix; OUT is what BASE is. A draft model for\n"
    "llama.cpp: transplant small.gguf target.gguf draft.gguf.\n"
    "Rows of tokens that both share are copied. Any other token's row is made from\n"
    "its row in DONOR: by an affine map from DONOR's rows to BASE's, and the few\n"
    "shared tokens that Orthogonal Matching Pursuit finds for it, as far as the map\n"
    "misses them. -a omp is the published method. OUT can be left out of a dry run.\n"
    "\n",
    "  -k, --k N               shared tokens per approximated token (64; wechsel 10,\n"
    "                          mp_rope 8; omp-affine chooses for each matrix by\n"
    "                          shared tokens it hides)\n"
    "  -a, --approximation-method NAME\n"
    "                          omp, omp-centred, omp-affine, affine, mean, zero,\n"
    "                          common_interpolation, clp, wechsel, focus, hull,\n"
    "                          mp_rope, procrustes, landmark_pca, stb, randn,\n"
    "                          john_hewitt or subword (omp-affine)\n"
    "      --head-method NAME  of the output head's rows, where the head is not the\n"
    "                          embedding (that of -a)\n"
    "  -s, --subword-method NAME\n"
    "                          of subword, from the rows of the pieces that BASE cuts\n"
    "                          a token into: mean, sum, weighted_mean, first_last,\n"
    "                          last or length (mean)\n"
    "      --pieces HOW        of omp-affine, the rows of a token's first and last\n"
    "                          such piece beside its row in DONOR: auto, where the\n"
    "                          shared tokens that it hides come out better; no; or\n"
    "                          their weight, such as 0.5 (auto)\n"
    "  -c, --cosine            select by cosine with what is left, whatever the norm;\n"
    "                          of common_interpolation, with the token's row\n"
    "      --weight-scheme NAME\n"
    "                          weights of common_interpolation: barycentric,\n"
    "                          least_squares or distance_proportional (the last)\n"
    "      --donor-heads N, --base-heads N, --donor-rope X, --base-rope X\n"
    "                          of mp_rope: heads and the base of rotary positions\n"
    "                          (config.json's)\n"
    "      --seed N            of randn, john_hewitt and --new-vocab-noise (0)\n"
    "      --norm HOW          norm of new rows: none, as the method makes them;\n"
    "                          anchors, the median of the shared rows'; or fitted, by\n"
    "                          the factor about their mean that suits hidden shared\n"
    "                          tokens best (none)\n"
    "      --new-vocab-scale X a factor for new rows (1)\n"
    "      --new-vocab-noise X deviation of noise that is added to them (0)\n"
    "      --clip-norms Q      shorten those longer than this quantile of the shared\n"
    "                          rows', such as 0.99 (0: none)\n"
    "      --ridge X           hold coefficients down: ridge regression on the shared\n"
    "                          tokens scaled to norm 1, such as 0.001 (0)\n"
    "      --tolerance X       stop short of k once what is left is this part of the\n"
    "                          token's norm (0)\n"
    "      --rows HOW          rows of the new matrices: donor, as many as DONOR's;\n"
    "                          tokenizer, its highest id + 1; multiple-of:N, that up\n"
    "                          to a multiple of N; or a number (donor)\n",
    "      --map 'DONOR=BASE'  copy this DONOR token's row from this BASE token; may\n"
    "                          be repeated. A token is its text, with \\xNN, \\\\ and \\=\n"
    "                          as escapes, or #ID\n"
    "      --byte-match WHERE  copy a byte's row from the text token of that byte, or\n"
    "                          the reverse: no, yes, embed or lm_head (yes)\n"
    "      --prefix-match WHERE\n"
    "                          copy a new token's row from the longest token of BASE\n"
    "                          that it begins with: no, yes, embed or lm_head (no)\n"
    "      --magikarp          build from no token whose row looks under-trained in\n"
    "                          either model, make what BASE has a bad row for and\n"
    "                          DONOR a good one, and treat what is bad in both, or\n"
    "                          new and bad in DONOR, as reserved tokens\n"
    "      --padding HOW       rows without a token of their own: mean, of all\n"
    "                          others, which is never sampled; or zero (mean)\n"
    "      --chat-template HOW chat template of OUT: donor, base or a file's (donor)\n"
    "      --dtype TYPE        type of the new matrices: f32, f16, bf16, f64,\n"
    "                          f8_e4m3, f8_e5m2 or as PyTorch has it, float32,\n"
    "                          float16, bfloat16 (BASE's); config.json keeps its own\n"
    "      --embedding-type TYPE\n"
    "                          the same; in GGUF f32, f16, bf16 or a type of blocks:\n"
    "                          q8_0, q6_k, q5_k, q4_k, q4_0 and so on (BASE's). In\n"
    "                          another type shared rows are not bit for bit BASE's\n"
    "      --pre NAME          in GGUF, how llama.cpp cuts text for DONOR, by the\n"
    "                          converter's name: llama-bpe, qwen2 (DONOR's own)\n"
    "      --split-max-size SIZE\n"
    "                          write GGUF in parts of so many bytes, called OUT less\n"
    "                          .gguf and -00001-of-00002.gguf and so on (one file)\n"
    "      --draft-vocab FILE|N\n"
    "                          give OUT's output head rows for some of DONOR's tokens\n"
    "                          alone, those in FILE or with ids below N, and d2t: see\n"
    "                          transplant help draft-head\n"
    "      --split-digits      cut numbers into single digits in OUT where BASE reads\n"
    "                          them so and DONOR does not; not for drafts\n"
    "      --saturate          clamp values beyond the range of that type\n"
    "      --overwrite         replace OUT if it exists\n"
    "      --dry-run           show the plan and write no model\n"
    "\n",
    "      --memory SIZE       what the solver may use (half of all, at least\n"
    "                          4GiB): bytes, or with a unit:\n"
    "                          K or KiB to T or TiB of 1024, KB to TB of 1000\n"
    "      --threads N         threads to use (all that there are)\n"
    "      --isa NAME          kernels to use, of those that --version shows (auto,\n"
    "                          or what the variable OTX_ISA says); all of them give\n"
    "                          the same output\n"
    "\n"
    "      --report FILE       write counts, residuals and times as JSON\n"
    "      --token-report FILE write what was done for every token, tab-separated\n"
    "  -q, --quiet             print nothing but warnings and errors\n"
    "  -V, --version           print the version and what this build can do\n"
    "  -h, --help              print this, or the help of a sub-command\n"
    "\n",
    "A first argument that is the name of a sub-command is one: write ./inspect for a\n"
    "directory of that name. Exit status: 0, or 1 after an error, 2 if the command\n"
    "line is wrong, 130 if interrupted. Nothing stands at OUT before it is complete.\n",
};

static const char help_draft[] =
    "usage: transplant draft SMALL TARGET OUT [--engine NAME] [options]\n"
    "\n"
    "Makes of the model SMALL a draft model for TARGET, in either format: a transplant\n"
    "of TARGET's tokenizer with exactly TARGET's rows, special tokens and template.\n"
    "Then asks what each engine asks of a draft (or --engine llama.cpp, vllm, sglang or\n"
    "transformers alone), as transplant verify does, and says how to start it. SMALL\n"
    "keeps its layers and its width. The other options are those of a transplant, but\n"
    "for --rows, --chat-template and --split-digits. Exit status 1 too if an engine\n"
    "would not take OUT, which stands there nevertheless. With --draft-vocab it is but\n"
    "warned of engines that do not read such a head of this model, and nothing is said\n"
    "of how to start it.\n";

static const char help_draft_head[] =
    "usage: transplant draft-head MODEL OUT --draft-vocab FILE | N\n"
    "\n"
    "Writes to OUT the model MODEL, in either format, with an output head for some of its\n"
    "tokens alone, which is most of what a draft reads for a token; the embedding stays\n"
    "whole, and becomes no head if it was one. Tokens with a role and those that the chat\n"
    "template or generation_config.json names always have a row. Which tokens the rows are\n"
    "of, in order of ids, says the tensor d2t, as it is read of EAGLE-3 drafts: by llama.cpp\n"
    "the id, in GGUF; by vLLM and SGLang the id less the row's number, in safetensors, with\n"
    "t2d beside it and draft_vocab_size in config.json. A plain model with such a head is\n"
    "loaded by no engine as released. The same option of transplant and transplant draft\n"
    "writes it at once.\n"
    "\n"
    "      --draft-vocab FILE  tokens, one a line: its text, with \\xNN and \\\\ as escapes,\n"
    "                          #ID, or COUNT, ID and text with tabs between them;\n"
    "                          in text a # before a digit is written \\x23\n"
    "      --draft-vocab N     tokens with ids below N, but for reserved ones\n"
    "      --split-max-size SIZE\n"
    "                          as for a transplant\n"
    "      --dry-run           show what there would be and write no model\n"
    "      --overwrite         replace OUT if it exists\n"
    "  -q, --quiet             print nothing but warnings and errors\n";

static const char help_inspect[] =
    "usage: transplant inspect FILE_OR_DIR\n"
    "\n"
    "Lists the tensors of a model directory, safetensors file, index or GGUF file\n"
    "(of a split one the first part) with their types, sizes in bytes and shapes, of\n"
    "GGUF also the keys, and sums up the vocabulary of a directory or file: a\n"
    "tokenizer.json, tekken.json, SentencePiece model, tiktoken file, vocab.json,\n"
    "vocab.txt or GGUF file, known by what it holds under any name.\n";

static const char help_evaluate[] =
    "usage: transplant evaluate BASE DONOR [options]\n"
    "\n"
    "Hides some of the tokens that both models share, makes their rows by each method\n"
    "from the others, and compares these with the true ones. Writes no model.\n"
    "\n"
    "      --methods LIST      methods to compare, as omp,omp-affine,mean (all)\n"
    "      --holdout PART      of the shared tokens to hide (5%)\n"
    "      --seed N            of which (0)\n"
    "      --json FILE         write all figures, by class of token too\n"
    "      --html FILE         write a page with charts\n"
    "  -k, -c, -s, -q, --pieces, --norm, --clip-norms, --new-vocab-noise,\n"
    "  --new-vocab-scale, --weight-scheme, --donor-heads and the like, --ridge,\n"
    "  --tolerance, --memory, --threads, --isa: as for a transplant\n"
    "\n"
    "share: the part of its true logit that a new row gives where the token is due.\n"
    "error: how wrong its logits are elsewhere. loss: error + 0.75 (1 - share), which\n"
    "methods are listed by. top1: how often the true row is the nearest of all.\n";

static const char help_align[] =
    "usage: transplant align BASE DONOR\n"
    "\n"
    "Shows what would become of each token of DONOR in BASE, with examples of each\n"
    "kind. Only the tokenizers are read: DONOR and BASE are directories, GGUF or\n"
    "tokenizer.json files. The plan for two whole models is shown by --dry-run.\n";

static const char help_verify[] =
    "usage: transplant verify MODEL [--draft-for TARGET [--engine NAME]]\n"
    "\n"
    "Checks that tokenizer, matrices, index, config.json and generation_config.json\n"
    "of a model directory agree, or keys and tensors of a GGUF file, and prints a\n"
    "line for each finding. With --draft-for also whether each engine takes it as a\n"
    "draft model for TARGET, a directory, of which the tokenizer and config.json are\n"
    "enough, or a GGUF file: of such llama.cpp alone, if no other is asked for;\n"
    "--engine llama.cpp, vllm, sglang or transformers asks that one. Exit status 1\n"
    "if any finding is an error.\n";

static const char help_count[] =
    "usage: transplant count TOKENIZER TEXT... [--tsv FILE] [--json FILE]\n"
    "\n"
    "Counts the tokens of texts, as the tokenizers package encodes them, without special\n"
    "tokens at their ends. TOKENIZER is a directory, a tokenizer.json or a tekken.json;\n"
    "TEXT a file, or - for standard input. A text is encoded in parts of about 1 MiB,\n"
    "each of which ends with a line before one that begins with a letter or digit\n"
    "(or before the CR LF there).\n"
    "\n"
    "      --tsv FILE          write the tokens that occur, most frequent first: count, id\n"
    "                          and token, with tabs between; trim --keep takes such a list\n"
    "      --json FILE         write the same as JSON\n"
    "  -q, --quiet             print nothing but warnings and errors\n";

static const char help_trim[] =
    "usage: transplant trim MODEL OUT --keep FILE | --drop FILE | --first N\n"
    "       transplant trim MODEL OUT --min-count N --text FILE\n"
    "       transplant bytes MODEL OUT [--by own | subword]\n"
    "\n"
    "Writes to OUT the model MODEL, a directory or a GGUF file as OUT then is, with\n"
    "fewer tokens. Its tokenizer is any that a transplant reads. Text of tokens that\n"
    "stay is encoded as before, and the model gives the same logits for them, bit for\n"
    "bit; all other text is encoded in smaller pieces. Special tokens, bytes, single\n"
    "characters, tokens in the chat template, and what tokens that stay are merged\n"
    "from stay too. bytes takes out all others.\n"
    "\n"
    "      --by HOW            of bytes: own, the model's own tokens as they are; or\n"
    "                          subword, a tokenizer of bytes where it lacks some: a\n"
    "                          byte takes the mean of the rows of the single\n"
    "                          characters that it is in, or else of all texts (own)\n"
    "      --keep FILE         tokens to keep, one a line: its text, with \\xNN and \\\\ as\n"
    "                          escapes, or #ID; or a list that count writes\n"
    "      --drop FILE         tokens to drop, likewise; all others stay\n"
    "      --first N           keep ids below N, and those of --keep\n"
    "      --min-count N       keep tokens that occur at least N times in the texts, and\n"
    "                          those of --keep and --first\n"
    "      --text FILE         a text for --min-count, and to report tokens a byte\n"
    "                          before and after; may be repeated\n"
    "      --rows multiple-of:N\n"
    "                          rows of the new matrices, if not as many as tokens\n"
    "      --overwrite         replace OUT if it exists\n"
    "  -q, --quiet             print nothing but warnings and errors\n";

static const char help_extend[] =
    "usage: transplant extend MODEL OUT --tokens FILE [--donor DONOR]\n"
    "       transplant extend MODEL OUT --donor DONOR [--first N] [--max N]\n"
    "       transplant extend MODEL OUT --tokens-of TOKENIZER [--first N] [--max N]\n"
    "\n"
    "Writes to OUT the model MODEL, a directory with a tokenizer.json or a GGUF file as\n"
    "OUT then is, with more tokens. A text that its\n"
    "tokenizer certainly leaves whole, as a word is, becomes a token of the model's own,\n"
    "met wherever the word is; under BPE with the merges that lead to it, which come\n"
    "after all others. Any other text becomes an added token, cut out of a text before\n"
    "anything else. Rows are made from those of the pieces that the text has now, or from\n"
    "DONOR's, as a transplant makes them, where DONOR has such a token.\n"
    "\n"
    "      --tokens FILE       texts, one a line, with \\xNN and \\\\ as escapes; most\n"
    "                          words want the space before them: \"\\x20word\"\n"
    "      --donor DONOR       a model, a directory or a GGUF file, from whose rows new\n"
    "                          ones are made. Without a list its tokens that MODEL lacks\n"
    "                          are added, as far as they can be MODEL's own; none of\n"
    "                          its special ones\n"
    "      --tokens-of TOKENIZER\n"
    "                          add those of another tokenizer, whatever the rows are\n"
    "                          made from\n"
    "      --first N           of these only ids below N\n"
    "      --max N             and so many new ones at most\n"
    "  -s, --subword-method NAME\n"
    "                          of rows made from pieces, as for a transplant (mean)\n"
    "  -a, --approximation-method NAME\n"
    "                          as for a transplant; without --donor subword, mean, zero,\n"
    "                          randn or john_hewitt (subword; with it omp-affine)\n"
    "  -k, -c, --pieces, --norm, --ridge and the like, --memory, --threads, --isa:\n"
    "                          as for a transplant\n"
    "      --rows multiple-of:N\n"
    "                          rows of the new matrices, if not as many as tokens\n"
    "      --overwrite         replace OUT if it exists\n"
    "  -q, --quiet             print nothing but warnings and errors\n";

static const char help_map[] =
    "usage: transplant map A B [--safetensors FILE] [--json FILE] [options]\n"
    "\n"
    "For every token of A the tokens of B that stand for it, with weights, and the same\n"
    "of B's in A: for distilling, and for ensembles, of models with unlike vocabularies.\n"
    "A and B are models or, without -a, files of tokenizers. A token of the\n"
    "same bytes, or a special one in the same role, has weight 1. Any other has B's own\n"
    "split of its bytes, by weights that sum to 1. Without such tokens a row is empty.\n"
    "\n"
    "      --safetensors FILE  write sparse rows (indptr, indices, weights, shape) of\n"
    "                          a_to_b and b_to_a, for torch.sparse_csr_tensor\n"
    "      --json FILE         write a token a line, for people\n"
    "  -s, --subword-method NAME\n"
    "                          weights of the pieces: mean, weighted_mean, first_last,\n"
    "                          last or length; sum is mean here (mean)\n"
    "      --side WHICH        output, for what models write (their logits), or input,\n"
    "                          for what they read (output)\n"
    "  -a, --approximation-method NAME\n"
    "                          instead of the split, the shared tokens that a method\n"
    "                          combines by the models' rows: omp, omp-centred,\n"
    "                          common_interpolation, wechsel or hull. Only hull, wechsel\n"
    "                          and common_interpolation by distance sum to 1\n"
    "  -k, -c, --weight-scheme, --ridge, --tolerance, --memory, --threads, --isa, -q:\n"
    "                          as for a transplant\n";

/* The sub-commands; a first argument that is none of these names is BASE. */
static const struct {
    const char *name;
    size_t least, most; /* arguments */
    const char *wanted;
    const char *help;   /* NULL: that of the whole */
} commands[COMMAND_COUNT] = {
    {"transplant", 3, 3, "three are wanted: BASE DONOR OUT", NULL},
    {"draft", 3, 3, "three are wanted: SMALL TARGET OUT (for a directory named draft, write "
     "./draft)", help_draft},
    {"draft-head", 2, 2, "two are wanted: MODEL OUT (for a directory named draft-head, write "
     "./draft-head)", help_draft_head},
    {"inspect", 1, 1, "one is wanted: FILE_OR_DIR (for a directory named inspect, write "
     "./inspect)", help_inspect},
    {"align", 2, 2, "two are wanted: BASE DONOR (for a directory named align, write ./align)",
     help_align},
    {"verify", 1, 1, "one is wanted: MODEL (for a directory named verify, write ./verify)",
     help_verify},
    {"evaluate", 2, 2, "two are wanted: BASE DONOR (for a directory named evaluate, write "
     "./evaluate)", help_evaluate},
    {"trim", 2, 2, "two are wanted: MODEL OUT (for a directory named trim, write ./trim)",
     help_trim},
    {"bytes", 2, 2, "two are wanted: MODEL OUT (for a directory named bytes, write ./bytes)",
     help_trim},
    {"extend", 2, 2, "two are wanted: MODEL OUT (for a directory named extend, write ./extend)",
     help_extend},
    {"map", 2, 2, "two are wanted: A B (for a directory named map, write ./map)", help_map},
    {"count", 2, SIZE_MAX, "at least two are wanted: TOKENIZER TEXT... (for a directory named "
     "count, write ./count)", help_count},
    {"help", 0, 1, "one at most is wanted: COMMAND (for a directory named help, write ./help)",
     NULL},
};

/* The sub-command of that name, or TRANSPLANT. */
static command find_command(const char *name)
{
    int i;
    for (i = TRANSPLANT + 1; i < COMMAND_COUNT; i++)
        if (strcmp(name, commands[i].name) == 0) return (command)i;
    return TRANSPLANT;
}

static int print_help(command of)
{
    size_t i;
    if (commands[of].help) fputs(commands[of].help, stdout);
    else
        for (i = 0; i < COUNT(help_transplant); i++) fputs(help_transplant[i], stdout);
    return STATUS_OK;
}

static int print_version(void)
{
    int isa;
    printf("transplant %s\n", otx_version());
    printf("kernels: ");
    for (isa = OTX_ISA_SCALAR; isa < OTX_ISA_COUNT; isa++)
        if (otx_isa_available((otx_isa)isa)) printf(" %s", otx_isa_name((otx_isa)isa));
    printf("; auto takes %s\n", otx_isa_name(otx_isa_best()));
#ifdef _OPENMP
    printf("threads:  OpenMP\n");
#else
    printf("threads:  built without OpenMP, so one\n");
#endif
    return STATUS_OK;
}

/* A word of the command line is wrong. */
static int misuse(const char *what, const char *word, const char *wanted)
{
    fprintf(stderr, "transplant: error: %s '%s'%s%s\nTry 'transplant --help'.\n", what, word,
            wanted ? ": " : "", wanted ? wanted : "");
    return STATUS_MISUSE;
}

/* Decimal digits up to the end of `text`, or up to `*end` if that is asked for. */
static bool parse_number(const char *text, const char **end, uint64_t *number)
{
    uint64_t value = 0;
    const char *at = text;
    for (; *at >= '0' && *at <= '9'; at++) {
        unsigned digit = (unsigned)(*at - '0');
        if (value > (UINT64_MAX - digit) / 10) return false;
        value = value * 10 + digit;
    }
    if (end) *end = at;
    *number = value;
    return at > text && (end || !*at);
}

/* The lesser of `bytes` and half of what a Linux container is allowed. */
static uint64_t container_limit(uint64_t bytes)
{
    FILE *file = fopen("/sys/fs/cgroup/memory.max", "r");
    char text[32] = "";
    uint64_t limit;
    const char *end;
    if (!file) return bytes;
    if (fgets(text, sizeof text, file) && parse_number(text, &end, &limit) && limit / 2 < bytes)
        bytes = limit / 2;
    fclose(file);
    return bytes;
}

/* Half of the machine's memory, or 0, the library's default, where that is more or
   the platform does not say. */
static uint64_t half_of_memory(void)
{
    uint64_t bytes = 0;
#ifdef _WIN32
    MEMORYSTATUSEX memory;
    memory.dwLength = sizeof memory;
    if (GlobalMemoryStatusEx(&memory)) bytes = memory.ullTotalPhys / 2;
#elif defined(_SC_PHYS_PAGES) && defined(_SC_PAGESIZE)
    long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
    if (pages > 0 && size > 0) bytes = (uint64_t)pages / 2 * (uint64_t)size;
#endif
    bytes = container_limit(bytes);
    if (bytes > SIZE_MAX / 2) bytes = SIZE_MAX / 2;
    return bytes > (uint64_t)4 << 30 ? bytes : 0;
}

/* "8G", "512MiB", "1000000": see the help for the units. */
static bool parse_size(const char *text, uint64_t *size)
{
    static const char units[] = "KMGT";
    const char *end, *unit;
    uint64_t value, factor;
    unsigned i, power;
    if (!parse_number(text, &end, &value)) return false;
    if (*end) {
        unit = strchr(units, *end++);
        if (!unit || (*end && strcmp(end, "B") != 0 && strcmp(end, "iB") != 0)) return false;
        factor = strcmp(end, "B") == 0 ? 1000 : 1024;
        power = (unsigned)(unit - units) + 1;
        for (i = 0; i < power; i++) {
            if (value > UINT64_MAX / factor) return false;
            value *= factor;
        }
    }
    *size = value;
    return value > 0;
}

static bool parse_rows(const char *text, otx_job_options *job)
{
    static const char multiple[] = "multiple-of:";
    size_t length = sizeof multiple - 1;
    if (strcmp(text, "donor") == 0) job->rows = OTX_ROWS_DONOR;
    else if (strcmp(text, "tokenizer") == 0) job->rows = OTX_ROWS_TOKENIZER;
    else if (strncmp(text, multiple, length) == 0) job->rows = OTX_ROWS_MULTIPLE;
    else if (!parse_number(text, NULL, &job->rows_exact) || job->rows_exact == 0) return false;
    else job->rows = OTX_ROWS_EXACT;
    return job->rows != OTX_ROWS_MULTIPLE ||
           (parse_number(text + length, NULL, &job->rows_multiple) && job->rows_multiple > 0);
}

/* Whether two names are the same but for the case of ASCII letters. */
static bool same_name(const char *a, const char *b)
{
    for (; *a && *b; a++, b++) {
        int x = *a >= 'A' && *a <= 'Z' ? *a + 32 : *a, y = *b >= 'A' && *b <= 'Z' ? *b + 32 : *b;
        if (x != y) return false;
    }
    return *a == *b;
}

/* A type by its name in files, or by the one that config.json and PyTorch have for it. */
static bool parse_dtype(const char *text, otx_dtype *dtype)
{
    static const struct {
        const char *name;
        otx_dtype dtype;
    } others[] = {{"float32", OTX_F32}, {"float16", OTX_F16}, {"half", OTX_F16},
                  {"bfloat16", OTX_BF16}, {"float64", OTX_F64},
                  {"float8_e4m3fn", OTX_F8_E4M3}, {"float8_e5m2", OTX_F8_E5M2}};
    size_t other;
    int i;
    if (strncmp(text, "torch.", 6) == 0) text += 6;
    for (other = 0; other < COUNT(others); other++) {
        *dtype = others[other].dtype;
        if (same_name(text, others[other].name)) return true;
    }
    for (i = 0; i < OTX_DTYPE_COUNT; i++) {
        *dtype = (otx_dtype)i;
        if ((otx_dtype_is_embedding(*dtype) || otx_dtype_is_block(*dtype)) &&
            same_name(text, otx_dtype_name(*dtype)))
            return true;
    }
    return false;
}

/* Room for a list of names. */
#define KNOWN 400

/* Finds a name in a public list of names; adds the list to `known` if it is not there. */
static int parse_name(const char *name, int count, const char *(*name_of)(int),
                      char known[KNOWN])
{
    int i;
    size_t length = (size_t)snprintf(known, KNOWN, "known are");
    for (i = 0; i < count; i++) {
        if (strcmp(name, name_of(i)) == 0) return i;
        length += (size_t)snprintf(known + length, KNOWN - length, " %s", name_of(i));
    }
    return -1;
}

static const char *method_name(int method) { return otx_method_name((otx_method)method); }
static const char *subword_name(int how) { return otx_subword_name((otx_subword)how); }
static const char *norm_name(int norm) { return otx_row_norm_name((otx_row_norm)norm); }
static const char *weights_name(int weights) { return otx_weighting_name((otx_weighting)weights); }
static const char *match_name(int match) { return otx_match_name((otx_match)match); }
static const char *isa_name(int isa) { return otx_isa_name((otx_isa)isa); }
static const char *engine_name(int engine) { return otx_engine_name((otx_engine)engine); }
static const char *padding_name(int how) { return otx_padding_name((otx_padding)how); }

/* The number of a name in such a list; `what` says which list, if it is not there. */
static int choose(const char *name, int count, const char *(*name_of)(int), const char *what,
                  int *chosen)
{
    char known[KNOWN];
    int found = parse_name(name, count, name_of, known);
    if (found < 0) return misuse(what, name, known);
    *chosen = found;
    return STATUS_OK;
}

#define UNKNOWN_METHOD "unknown approximation method"

/* "omp,affine,mean": names with commas between them. */
static int set_methods(settings *to, const char *names)
{
    char name[SHOWN];
    size_t length, count = 0;
    for (; *names; names += length + (names[length] == ',')) {
        int method = 0, status;
        length = strcspn(names, ",");
        snprintf(name, sizeof name, "%.*s", (int)(length < SHOWN ? length : SHOWN - 1), names);
        status = choose(name, OTX_METHOD_COUNT, method_name, UNKNOWN_METHOD, &method);
        if (status) return status;
        if (count == OTX_METHOD_COUNT) return misuse("too many methods at", name, NULL);
        to->methods[count++] = (otx_method)method;
    }
    to->evaluate.methods = to->methods;
    to->evaluate.method_count = count;
    return count ? STATUS_OK : misuse("--methods", names, "names are wanted: omp,omp-affine");
}

/* "0.05" or "5%". */
static int set_holdout(settings *to, const char *text)
{
    char *end;
    double part = strtod(text, &end);
    if (end != text && *end == '%') part /= 100, end++;
    to->evaluate.holdout = part;
    if (end != text && *end == 0 && part > 0.0 && part <= 0.5) return STATUS_OK;
    return misuse("--holdout", text, "a part up to 50% or 0.5 is wanted");
}

static int set_isa(settings *to, const char *name)
{
    int isa = to->isa;
    int status = choose(name, OTX_ISA_COUNT, isa_name, "unknown instruction set", &isa);
    to->isa = (otx_isa)isa;
    return status;
}

/* What OTX_ISA says holds where no option does. */
static int set_isa_of_environment(settings *to)
{
    const char *name = getenv("OTX_ISA");
    return name && *name ? set_isa(to, name) : STATUS_OK;
}

static int set_number(const char *text, uint64_t most, const char *what, uint64_t *number)
{
    if (parse_number(text, NULL, number) && *number >= 1 && *number <= most) return STATUS_OK;
    return misuse(what, text, "a whole number from 1 is wanted");
}

static int set_fraction(const char *text, const char *what, double *number)
{
    char *end;
    *number = strtod(text, &end);
    if (end != text && *end == 0 && *number >= 0.0 && *number <= 1.0) return STATUS_OK;
    return misuse(what, text, "a number from 0 to 1 is wanted");
}

static int set_real(const char *text, const char *what, double *number)
{
    char *end;
    *number = strtod(text, &end);
    if (end != text && *end == 0 && *number >= 0.0 && *number <= 1e6) return STATUS_OK;
    return misuse(what, text, "a number from 0 to a million is wanted");
}

static int set_pieces(const char *text, double *pieces)
{
    char *end;
    *pieces = 0.0;
    if (strcmp(text, "auto") == 0) return STATUS_OK;
    *pieces = OTX_PIECES_NONE;
    if (strcmp(text, "no") == 0) return STATUS_OK;
    *pieces = strtod(text, &end);
    if (end != text && *end == 0 && *pieces > 0.0 && *pieces <= 1000.0) return STATUS_OK;
    return misuse("--pieces", text, "auto, no or a weight is wanted, such as 0.5");
}

static int set_heads(const char *text, const char *what, size_t *heads)
{
    uint64_t number = 0;
    int status = set_number(text, 65536, what, &number);
    *heads = (size_t)number;
    return status;
}

static int set_rope(const char *text, const char *what, double *base)
{
    char *end;
    *base = strtod(text, &end);
    if (end != text && *end == 0 && *base >= 1.0 && *base <= 1e15) return STATUS_OK;
    return misuse(what, text, "a number from 1 is wanted");
}

static int set_option(settings *to, option_id id, const char *value)
{
    uint64_t number = 0;
    int status = STATUS_OK, chosen = 0;
    switch (id) {
    case OPTION_K:
        status = set_number(value, INT32_MAX, "--k", &number);
        to->job.how.omp.k = (size_t)number;
        break;
    case OPTION_COSINE: to->job.how.omp.cosine = true; break;
    case OPTION_RIDGE:
        status = set_fraction(value, "--ridge", &to->job.how.omp.ridge);
        break;
    case OPTION_TOLERANCE:
        status = set_fraction(value, "--tolerance", &to->job.how.omp.tolerance);
        break;
    case OPTION_THREADS:
        status = set_number(value, 4096, "--threads", &number);
        to->threads = (int)number;
        break;
    case OPTION_MEMORY:
        if (!parse_size(value, &to->job.how.omp.memory))
            status = misuse("--memory", value, "a size like 512MiB or 8G is wanted");
        break;
    case OPTION_ROWS:
        if (!parse_rows(value, &to->job))
            status = misuse("--rows", value,
                            "donor, tokenizer, multiple-of:N or a number is wanted");
        break;
    case OPTION_DTYPE:
    case OPTION_EMBEDDING_TYPE:
        if (!parse_dtype(value, &to->job.dtype))
            status = misuse("--dtype", value, "f32, f16, bf16, f64, f8_e4m3 or f8_e5m2 is wanted; "
                            "in GGUF also a type of blocks, such as q8_0");
        break;
    case OPTION_PRE: to->job.pre = value; break;
    case OPTION_SPLIT_SIZE:
        if (!parse_size(value, &to->job.split_max_size))
            status = misuse("--split-max-size", value, "a size like 4G is wanted");
        break;
    case OPTION_METHOD:
        status = choose(value, OTX_METHOD_COUNT, method_name, UNKNOWN_METHOD, &chosen);
        to->job.method = (otx_method)chosen;
        break;
    case OPTION_HEAD_METHOD:
        status = choose(value, OTX_METHOD_COUNT, method_name, UNKNOWN_METHOD, &chosen);
        to->job.head_method = (otx_method)chosen;
        to->job.own_head_method = true;
        break;
    case OPTION_PIECES: status = set_pieces(value, &to->job.how.pieces); break;
    case OPTION_NORM:
        status = choose(value, OTX_NORM_COUNT, norm_name, "unknown norm", &chosen);
        to->job.how.norm = (otx_row_norm)chosen;
        break;
    case OPTION_DONOR_HEADS:
        status = set_heads(value, "--donor-heads", &to->job.how.donor_heads);
        break;
    case OPTION_BASE_HEADS:
        status = set_heads(value, "--base-heads", &to->job.how.base_heads);
        break;
    case OPTION_DONOR_ROPE:
        status = set_rope(value, "--donor-rope", &to->job.how.donor_rope);
        break;
    case OPTION_BASE_ROPE:
        status = set_rope(value, "--base-rope", &to->job.how.base_rope);
        break;
    case OPTION_CLIP: status = set_fraction(value, "--clip-norms", &to->job.how.clip_norms); break;
    case OPTION_NOISE: status = set_real(value, "--new-vocab-noise", &to->job.how.noise); break;
    case OPTION_SCALE:
        status = set_real(value, "--new-vocab-scale", &to->job.how.scale);
        if (!status && to->job.how.scale == 0.0) /* which says to the library that there is none */
            status = misuse("--new-vocab-scale", value, "a number above 0 is wanted");
        break;
    case OPTION_SUBWORD:
        status = choose(value, OTX_SUBWORD_COUNT, subword_name, "unknown subword method", &chosen);
        to->job.how.subword = (otx_subword)chosen;
        break;
    case OPTION_WEIGHTS:
        status = choose(value, OTX_WEIGHTING_COUNT, weights_name, "unknown weight scheme", &chosen);
        to->job.how.weights = (otx_weighting)chosen;
        break;
    case OPTION_PADDING:
        status = choose(value, OTX_PADDING_COUNT, padding_name, "unknown padding", &chosen);
        to->job.padding = (otx_padding)chosen;
        break;
    case OPTION_CHAT:
        to->job.chat = strcmp(value, "donor") == 0 ? OTX_CHAT_DONOR
                       : strcmp(value, "base") == 0 ? OTX_CHAT_BASE : OTX_CHAT_FILE;
        to->job.chat_file = value;
        break;
    case OPTION_DRAFT_VOCAB:
        to->draft_vocab = value;
        to->job.draft_vocab_first = 0;
        if (parse_number(value, NULL, &number)) to->job.draft_vocab_first = number;
        else number = *value != 0; /* "32k.tsv" is a file */
        if (number < 1 || number > INT32_MAX)
            status = misuse("--draft-vocab", value, "a file's name or a number from 1 is wanted");
        break;
    case OPTION_METHODS: status = set_methods(to, value); break;
    case OPTION_HOLDOUT: status = set_holdout(to, value); break;
    case OPTION_SEED:
        if (!parse_number(value, NULL, &to->job.how.seed))
            status = misuse("--seed", value, "a whole number is wanted");
        to->evaluate.seed = to->job.how.seed;
        break;
    case OPTION_JSON: to->json = value; break;
    case OPTION_TSV: to->tsv = value; break;
    case OPTION_LEAST: status = set_number(value, UINT32_MAX, "--min-count", &to->least); break;
    case OPTION_TEXT: to->texts[to->text_count++] = value; break;
    case OPTION_HTML: to->html = value; break;
    case OPTION_KEEP: to->keep = value; break;
    case OPTION_DROP: to->drop = value; break;
    case OPTION_TOKENS: to->tokens = value; break;
    case OPTION_SAFETENSORS: to->safetensors = value; break;
    case OPTION_SIDE:
        to->input = strcmp(value, "input") == 0;
        if (!to->input && strcmp(value, "output") != 0)
            status = misuse("--side", value, "output or input is wanted");
        break;
    case OPTION_TOKENS_OF: to->tokens_of = value; break;
    case OPTION_DONOR: to->donor = value; break;
    case OPTION_FIRST: status = set_number(value, UINT32_MAX, "--first", &to->first); break;
    case OPTION_MOST: status = set_number(value, UINT32_MAX, "--max", &to->most); break;
    case OPTION_BY:
        to->by_subword = strcmp(value, "subword") == 0;
        if (!to->by_subword && strcmp(value, "own") != 0)
            status = misuse("--by", value, "own or subword is wanted");
        break;
    case OPTION_DRAFT_FOR: to->draft_for = value; break;
    case OPTION_ENGINE:
        status = choose(value, OTX_ENGINE_COUNT, engine_name, "unknown engine", &chosen);
        to->engine = (otx_engine)chosen;
        break;
    case OPTION_ISA: status = set_isa(to, value); break;
    case OPTION_MAP: to->map[to->job.map_count++] = value; break;
    case OPTION_REPORT:
        if (!*value) status = misuse("--report", value, "a file's name is wanted");
        to->report = value;
        break;
    case OPTION_TOKEN_REPORT:
        if (!*value) status = misuse("--token-report", value, "a file's name is wanted");
        to->token_report = value;
        break;
    case OPTION_DRY_RUN: to->dry_run = true; break;
    case OPTION_OVERWRITE: to->job.overwrite = true; break;
    case OPTION_SPLIT: to->job.split_digits = true; break;
    case OPTION_BYTES:
        status = choose(value, OTX_MATCH_COUNT, match_name, "unknown match", &chosen);
        to->job.byte_match = (otx_match)chosen;
        break;
    case OPTION_PREFIX:
        status = choose(value, OTX_MATCH_COUNT, match_name, "unknown match", &chosen);
        to->job.prefix_match = (otx_match)chosen;
        break;
    case OPTION_MAGIKARP: to->job.magikarp = true; break;
    case OPTION_SATURATE: to->job.saturate = true; break;
    case OPTION_QUIET: to->quiet = true; break;
    case OPTION_VERSION: to->version = true; break;
    case OPTION_HELP: to->help = true; break;
    case OPTION_COUNT: break;
    }
    return status;
}

/* The option that a word of the line names, and where its attached value starts
   (`--name=value`, `-nvalue`; NULL if there is none); -1 if it is unknown. */
static int find_option(const char *word, const char **attached)
{
    size_t i, length = strcspn(word, "=");
    *attached = NULL;
    for (i = 0; i < COUNT(options); i++) {
        bool is_long = word[1] == '-' && length == strlen(options[i].name) + 2 &&
                       strncmp(word + 2, options[i].name, length - 2) == 0;
        bool is_short = options[i].letter && word[1] == options[i].letter;
        if (is_long && word[length]) *attached = word + length + 1;
        if (is_short && word[2]) *attached = word + 2;
        if (is_long || is_short) return (int)i;
    }
    return -1;
}

/* An option that was given, as a bit. */
#define SEEN(id) ((uint64_t)1 << (id))

/* Takes the option at words[*at], and its value from the next word if it stands
   there. */
static int take_option(settings *to, int count, char **words, int *at, uint64_t *seen)
{
    const char *value, *word = words[*at];
    int id = find_option(word, &value);
    if (id < 0) return misuse("unknown option", word, NULL);
    if (!options[id].takes_value && value) return misuse("no value goes with", word, NULL);
    if (options[id].takes_value && !value) {
        if (*at + 1 == count) return misuse("a value is missing after", word, NULL);
        value = words[++*at];
    }
    *seen |= SEEN(id);
    return set_option(to, (option_id)id, value);
}

/* Whether standard input is among the texts more than once, where nothing would be left of it. */
static bool input_twice(const settings *s)
{
    size_t i, found = 0;
    for (i = 1; i < s->argument_count; i++) found += strcmp(s->arguments[i], "-") == 0;
    return s->command == TOKENS && found > 1;
}

/* Whether the command has the arguments and options that it takes. */
static int check_command(const settings *s, uint64_t seen)
{
    size_t i, n = s->argument_count, least = commands[s->command].least;
    for (i = 0; i < OPTION_COUNT; i++)
        if (seen & SEEN(i) && !(options[i].commands & FOR(s->command)))
            return misuse("this command has no option", options[i].name, NULL);
    if (seen & SEEN(OPTION_ENGINE) && !s->draft_for && s->command != DRAFT)
        return misuse("--engine goes with", "--draft-for", "TARGET is wanted");
    if (s->report && s->token_report && strcmp(s->report, s->token_report) == 0)
        return misuse("both reports would go to", s->report, NULL);
    if (s->json && s->html && strcmp(s->json, s->html) == 0)
        return misuse("both reports would go to", s->json, NULL);
    if (s->json && s->safetensors && strcmp(s->json, s->safetensors) == 0)
        return misuse("both maps would go to", s->json, NULL);
    if (s->keep && s->drop)
        return misuse("--drop does not go with", "--keep", "one of them is wanted");
    if (s->command == TRIM && s->first && s->drop)
        return misuse("--drop does not go with", "--first", "one of them is wanted");
    if (s->command == TRIM && !s->keep && !s->drop && !s->first && !s->least)
        return misuse("nothing says what stays of", "MODEL",
                      "--keep, --drop, --first or --min-count is wanted");
    if (s->least && !s->text_count)
        return misuse("--min-count goes with", "--text", "FILE is wanted");
    if (s->least && s->drop)
        return misuse("--drop does not go with", "--min-count", "one of them is wanted");
    if (s->json && s->tsv && strcmp(s->json, s->tsv) == 0)
        return misuse("both lists would go to", s->json, NULL);
    if (input_twice(s)) return misuse("standard input can be read once, not twice as", "-", NULL);
    if (s->command == EXTEND && !s->tokens && !s->tokens_of && !s->donor)
        return misuse("nothing says what is new in", "MODEL", "--tokens FILE, --tokens-of "
                      "TOKENIZER or --donor DONOR is wanted");
    if (s->command == EXTEND && (s->first || s->most) && s->tokens && !s->tokens_of)
        return misuse("--first and --max do not go with", "--tokens",
                      "they are for --tokens-of, and --donor without a list");
    if (s->command == EXTEND && seen & SEEN(OPTION_METHOD) && !s->donor &&
        otx_method_needs(s->job.method) & OTX_NEED_DONOR)
        return misuse("there are no rows for the method", otx_method_name(s->job.method),
                      "--donor DONOR is wanted");
    if (s->command == EXTEND && (s->job.how.norm != OTX_NORM_NONE || s->job.how.clip_norms > 0.0) &&
        !(s->donor && otx_method_needs(s->job.method) & OTX_NEED_DONOR))
        return misuse("--norm and --clip-norms go by shared tokens, unknown to", "extend",
                      "--donor DONOR is wanted, and a method that looks at its rows");
    if (FOR(s->command) & FOR_RESHAPERS && seen & SEEN(OPTION_ROWS) &&
        s->job.rows != OTX_ROWS_MULTIPLE)
        return misuse("--rows of this command", commands[s->command].name,
                      "multiple-of:N is wanted");
    if (s->command == DRAFT_HEAD && !s->draft_vocab)
        return misuse("nothing says which rows stay of", "MODEL", "--draft-vocab is wanted");
    if (s->dry_run) least--;
    if (n >= least && n <= commands[s->command].most) return STATUS_OK;
    return misuse(n < least ? "too few arguments for" : "too many arguments for",
                  commands[s->command].name, commands[s->command].wanted);
}

/* Reads the command line into `to`, whose arrays have room for all of it. */
static int read_command_line(settings *to, int count, char **words)
{
    bool ended = false;
    uint64_t seen = 0;
    int i, status = STATUS_OK;
    for (i = 1; i < count && !status; i++) {
        bool dashed = words[i][0] == '-' && words[i][1] && !ended;
        if (dashed && strcmp(words[i], "--") == 0) ended = true;
        else if (dashed) status = take_option(to, count, words, &i, &seen);
        else to->arguments[to->argument_count++] = words[i];
    }
    if (status) return status;
    if (to->argument_count > 0) to->command = find_command(to->arguments[0]);
    if (to->command != TRANSPLANT) to->arguments++, to->argument_count--;
    if (to->command == MAP && !(seen & SEEN(OPTION_METHOD))) to->job.method = OTX_METHOD_SUBWORD;
    to->job.map = to->map;
    to->job.keep_details = to->token_report != NULL;
    if (!to->job.how.omp.memory) to->job.how.omp.memory = half_of_memory();
    if (to->help || to->version) return STATUS_OK;
    status = check_command(to, seen);
    if (!status && !(seen & SEEN(OPTION_ISA))) status = set_isa_of_environment(to);
    return status;
}

/* ---- progress ----------------------------------------------------------------------- */

static volatile sig_atomic_t interrupted;

/* The first signal asks the run to stop; a second one ends the process at once. */
static void on_signal(int number)
{
    interrupted = 1;
    signal(number, SIG_DFL);
}

static void catch_signals(void)
{
    static const int numbers[] = {
        SIGINT, SIGTERM,
#ifdef SIGHUP
        SIGHUP,
#endif
    };
    size_t i;
    /* These kill in the middle of a write; its failure is reported instead. */
#ifdef SIGPIPE
    signal(SIGPIPE, SIG_IGN);
#endif
#ifdef SIGXFSZ
    signal(SIGXFSZ, SIG_IGN);
#endif
    /* What is ignored stays so: nohup, or a shell's background job. */
    for (i = 0; i < COUNT(numbers); i++)
        if (signal(numbers[i], on_signal) == SIG_IGN) signal(numbers[i], SIG_IGN);
}

/* Seconds since some moment; whole ones where the platform shows no better clock. */
static double now(void)
{
#if defined(CLOCK_MONOTONIC)
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
#elif defined(TIME_UTC)
    struct timespec time;
    timespec_get(&time, TIME_UTC);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
#else
    return (double)time(NULL);
#endif
}

static bool stderr_is_terminal(void)
{
#ifdef _WIN32
    return _isatty(2) != 0;
#else
    return isatty(2) != 0;
#endif
}

/* Columns of the terminal: what COLUMNS says, else what the terminal says. */
static int terminal_width(void)
{
    const char *columns = getenv("COLUMNS");
    uint64_t width = 0;
    if (!columns || !parse_number(columns, NULL, &width)) {
#ifdef TIOCGWINSZ
        struct winsize size;
        if (ioctl(2, TIOCGWINSZ, &size) == 0) width = size.ws_col;
#endif
    }
    if (width == 0) width = 80;
    return (int)(width < 20 ? 20 : width > 120 ? 120 : width);
}

typedef struct meter {
    command command;     /* whose options advice may name */
    bool quiet, terminal;
    bool running;        /* a stage has begun */
    bool drawn;          /* a bar stands on the terminal's current line */
    int width;
    otx_stage stage;
    uint64_t first, last; /* counts at the start of the stage and lately */
    double began, shown;  /* when the stage began; when something was last shown */
    char subject[SHOWN];  /* that was last told of, */
    unsigned told;        /* and its stages that were, by bit */
} meter;

static void clear_bar(meter *m)
{
    if (m->drawn) fprintf(stderr, "\r%*s\r", m->width - 1, "");
    m->drawn = false;
}

/* "45 %, 1,234 steps/s, 2:05 left"; rate and time once there is something to go by. */
static void describe(const meter *m, const otx_progress *at, double time, char to[SHOWN])
{
    static const char *const units[OTX_STAGE_COUNT] = {"steps", NULL, "rows", "steps", NULL};
    double share = at->total ? (double)at->done / (double)at->total : 1, rate;
    char number[NUMBER], left[NUMBER];
    int length = snprintf(to, SHOWN, "%.0f %%", 100 * share);
    if (time - m->began < 0.5 || at->done <= m->first || at->done > at->total) return;
    rate = (double)(at->done - m->first) / (time - m->began);
    duration_text(left, (double)(at->total - at->done) / rate);
    if (units[at->stage]) {
        snprintf(to + length, SHOWN - (size_t)length, ", %s %s/s, %s left",
                 grouped(number, (uint64_t)rate), units[at->stage], left);
    } else {
        snprintf(to + length, SHOWN - (size_t)length, ", %s/s, %s left",
                 size_text(number, rate), left);
    }
}

/* Redraws the line of the bar, never wider than the terminal. Where it is narrow the
   subject is left out first, then the bar. */
static void draw_bar(meter *m, const otx_progress *at, const char *stage, const char *subject,
                     const char *state)
{
    enum { STATE = 34, LEAST = 10, MOST = 50 };
    char bar[MOST + 1] = "", line[4 * SHOWN];
    int room = m->width - 1 - (int)strlen(stage) - (int)strlen("  [] ") - STATE;
    bool named = room - (int)strlen(subject) - 1 >= LEAST;
    int cells = named ? room - (int)strlen(subject) - 1 : room;
    double share = at->done < at->total ? (double)at->done / (double)at->total : 1;
    if (cells > MOST) cells = MOST;
    if (cells >= LEAST) {
        memset(bar, '.', (size_t)cells);
        memset(bar, '#', (size_t)(share * cells));
    }
    snprintf(line, sizeof line, "%s%s%s  %s%s%s %s", stage, named ? " " : "",
             named ? subject : "", *bar ? "[" : "", bar, *bar ? "]" : "", state);
    fprintf(stderr, "\r%-*.*s", m->width - 1, m->width - 1, line);
    fflush(stderr);
    m->drawn = true;
}

/* Whether this stage of this subject has not been told of: many methods go through the same. */
static bool first_time(meter *m, const otx_progress *at)
{
    const char *subject = at->subject ? at->subject : "";
    unsigned told;
    if (strncmp(subject, m->subject, sizeof m->subject - 1) != 0) {
        m->told = 0;
        snprintf(m->subject, sizeof m->subject, "%s", subject);
    }
    told = m->told;
    m->told |= 1u << at->stage;
    return m->told != told;
}

/* The library's progress callback: a bar on a terminal, redrawn at most ten times a
   second; elsewhere a line as a stage begins, and one every ten seconds. */
static bool on_progress(void *context, const otx_progress *at)
{
    static const char *const stages[OTX_STAGE_COUNT] = {"opening", "reading", "correlating",
                                                        "solving", "writing"};
    meter *m = (meter *)context;
    double time = now();
    bool begins = !m->running || at->stage != m->stage || at->done < m->last;
    if (begins) {
        m->running = true;
        m->stage = at->stage;
        m->first = at->done;
        m->began = time;
    }
    m->last = at->done;
    begins = begins && (m->terminal || first_time(m, at));
    if (!m->quiet && (m->terminal ? time - m->shown >= 0.1 : begins || time - m->shown >= 10)) {
        char subject[SHOWN], state[SHOWN];
        escape(subject, at->subject ? at->subject : "", at->subject ? strlen(at->subject) : 0);
        describe(m, at, time, state);
        if (m->terminal) draw_bar(m, at, stages[at->stage], subject, state);
        else if (begins) fprintf(stderr, "%s %s\n", stages[at->stage], subject);
        else fprintf(stderr, "%s %s: %s\n", stages[at->stage], subject, state);
        m->shown = time;
    }
    return !interrupted;
}

/* How the library begins to advise an option, and which: only transplants have all of them. */
static const struct {
    const char *words;
    option_id option;
} advice[] = {
    {"; --map '", OPTION_MAP},
    {"; give it one with --map '", OPTION_MAP},
    {"; --rows tokenizer gives ", OPTION_ROWS},
    {"; --chat-template base keeps ", OPTION_CHAT},
    {"; pass --saturate to clamp it", OPTION_SATURATE},
    {"; -a zero takes none", OPTION_METHOD},
    {"; -a omp or -a zero takes none", OPTION_METHOD},
    {"; --split-digits keeps ", OPTION_SPLIT},
    {"; --embedding-type ", OPTION_EMBEDDING_TYPE},
    {"; --pieces no does without", OPTION_PIECES},
};

/* Takes out of a message what advises an option that the command has not: from a semicolon to
   the next. */
static void drop_advice(command of, char *message)
{
    size_t i;
    for (i = 0; i < COUNT(advice); i++) {
        char *clause = strstr(message, advice[i].words), *end;
        if (!clause || options[advice[i].option].commands & FOR(of)) continue;
        end = strstr(clause + 2, "; ");
        if (!end) end = clause + strlen(clause);
        memmove(clause, end, strlen(end) + 1);
    }
}

/* The library's log callback. Notes are for the curious, warnings for all. */
static void on_log(void *context, otx_severity severity, const char *message)
{
    meter *m = (meter *)context;
    otx_error text;
    if (m->quiet && severity == OTX_NOTE) return;
    snprintf(text.message, sizeof text.message, "%s", message);
    drop_advice(m->command, text.message);
    clear_bar(m);
    fprintf(stderr, "transplant: %s: %s\n", severity == OTX_NOTE ? "note" : "warning",
            text.message);
}

/* The surroundings that the settings ask for; the context keeps pointing to `m`. */
static otx_context make_context(const settings *s, meter *m)
{
    otx_context ctx;
    memset(m, 0, sizeof *m);
    m->command = s->command;
    m->quiet = s->quiet;
    m->terminal = stderr_is_terminal();
    m->width = terminal_width();
    m->shown = -1e9;
    memset(&ctx, 0, sizeof ctx);
    ctx.threads = s->threads;
    ctx.isa = s->isa;
    ctx.progress = on_progress;
    ctx.progress_context = m;
    ctx.log = on_log;
    ctx.log_context = m;
    return ctx;
}

static int fail(const settings *s, otx_error *error)
{
    char *at;
    drop_advice(s->command, error->message);
    for (at = error->message; *at; at++) /* a path may hold anything; a message is one line */
        if ((unsigned char)*at < 0x20 || *at == 0x7f) *at = '?';
    fprintf(stderr, "transplant: error: %s\n", error->message);
    return STATUS_ERROR;
}

/* The status of a command that could be interrupted, which is said too. */
static int ended(const settings *s, otx_result result, otx_error *error)
{
    if (!result) return STATUS_OK;
    if (result != OTX_ERROR_CANCELLED) return fail(s, error);
    fprintf(stderr, "transplant: interrupted\n");
    return STATUS_INTERRUPTED;
}

static otx_result set_error(otx_error *error, otx_result code, const char *path,
                            const char *what)
{
    error->code = code;
    snprintf(error->message, sizeof error->message, "%s: %s", path, what);
    return code;
}

/* ---- files by names in UTF-8 ----------------------------------------------------------- */

#ifdef _WIN32

enum { WIDE = 4096 };

/* A path as Windows takes it, also where it has more than 260 characters. One that is given
   as \\?\PATH stays as it is: GetFullPathNameW would take dots and spaces off its end. */
static bool wide_path(wchar_t to[WIDE], const char *path)
{
    static const wchar_t local[] = L"\\\\?\\", remote[] = L"\\\\?\\UNC";
    const DWORD room = WIDE - 8;
    wchar_t given[WIDE], *full = to + 8;
    size_t marked = 0, i;
    DWORD size = 0;
    errno = EINVAL;
    if (!MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path, -1, given, WIDE))
        return false;
    for (i = 0; given[i]; i++)
        if (given[i] == '/') given[i] = '\\';
    if (wcsncmp(given, local, 4) == 0) {
        wcscpy(to, given);
        return true;
    }
    size = GetFullPathNameW(given, room, full, NULL);
    if (size < 2 || size >= room) return false;
    if (size >= 240 && full[1] == ':') {
        marked = COUNT(local) - 1;
        memcpy(to, local, sizeof local);
    } else if (size >= 240 && full[1] == '\\' && full[2] != '?' && full[2] != '.') {
        marked = COUNT(remote) - 1;
        memcpy(to, remote, sizeof remote);
        full++, size--;
    }
    memmove(to + marked, full, (size + 1) * sizeof *to);
    return true;
}

/* Opens a file to write; `fresh`: one that must not exist yet. */
static FILE *open_file(const char *path, bool fresh)
{
    wchar_t wide[WIDE];
    int file, flags = _O_WRONLY | _O_CREAT | _O_BINARY | (fresh ? _O_EXCL : _O_TRUNC);
    if (!wide_path(wide, path)) return NULL;
    file = _wopen(wide, flags, _S_IREAD | _S_IWRITE);
    return file < 0 ? NULL : _fdopen(file, "wb");
}

static void remove_file(const char *path)
{
    wchar_t wide[WIDE];
    if (wide_path(wide, path)) _wremove(wide);
}

/* In place of what has the name; rename by itself replaces nothing here. */
static bool rename_file(const char *from, const char *to)
{
    wchar_t wide_from[WIDE], wide_to[WIDE];
    if (!wide_path(wide_from, from) || !wide_path(wide_to, to)) return false;
    _wremove(wide_to);
    return _wrename(wide_from, wide_to) == 0;
}

#else

static FILE *open_file(const char *path, bool fresh) { return fopen(path, fresh ? "wbx" : "wb"); }

static void remove_file(const char *path) { remove(path); }

static bool rename_file(const char *from, const char *to) { return rename(from, to) == 0; }

#endif

/* ---- report files --------------------------------------------------------------------- */

/* A file that appears under its name only when it is complete. All zero is none. */
typedef struct output {
    FILE *file;
    const char *path;
    char *partial; /* its name until then; NULL: written in place */
} output;

/* A device, a pipe or a link is written through and never replaced: a rename to
   /dev/stdout would take it from the whole system. */
static bool is_special(const char *path)
{
#ifdef _WIN32
    (void)path;
    return false;
#else
    struct stat status;
    return lstat(path, &status) == 0 && !S_ISREG(status.st_mode);
#endif
}

/* The name until the file is complete is a new one: nobody's file is written over. */
static otx_result output_open(output *out, const char *path, otx_error *error)
{
    size_t size = strlen(path) + 16;
    int number;
    out->path = path;
    if (is_special(path)) {
        out->file = open_file(path, false);
    } else {
        out->partial = (char *)malloc(size);
        if (!out->partial) return set_error(error, OTX_ERROR_MEMORY, path, "out of memory");
        for (number = 1; !out->file && number < 1000; number++) {
            snprintf(out->partial, size, "%s.partial-%d", path, number);
            out->file = open_file(out->partial, true);
            if (!out->file && errno != EEXIST) break;
        }
    }
    return out->file ? OTX_OK : set_error(error, OTX_ERROR_IO, path, strerror(errno));
}

static bool output_write(void *context, const void *bytes, size_t size)
{
    return fwrite(bytes, 1, size, (FILE *)context) == size;
}

/* Drops what is not finished. */
static void output_close(output *out)
{
    if (out->file) {
        fclose(out->file);
        if (out->partial) remove_file(out->partial);
    }
    free(out->partial);
    memset(out, 0, sizeof *out);
}

typedef otx_result (*report_writer)(const void *what, const otx_sink *sink, otx_error *error);

static otx_result write_report(const void *job, const otx_sink *sink, otx_error *error)
{
    return otx_job_write_report((const otx_job *)job, sink, error);
}

static otx_result write_tokens(const void *job, const otx_sink *sink, otx_error *error)
{
    return otx_job_write_tokens((const otx_job *)job, sink, error);
}

static otx_result write_json(const void *evaluation, const otx_sink *sink, otx_error *error)
{
    return otx_evaluation_write_json(NULL, (const otx_evaluation *)evaluation, sink, error);
}

static otx_result write_html(const void *evaluation, const otx_sink *sink, otx_error *error)
{
    return otx_evaluation_write_html(NULL, (const otx_evaluation *)evaluation, sink, error);
}

/* Writes the report, and gives the file its name. */
static otx_result output_finish(output *out, const void *what, report_writer write,
                                otx_error *error)
{
    otx_sink sink;
    otx_result result;
    bool closed;
    if (!out->file) return OTX_OK;
    sink.write = output_write;
    sink.context = out->file;
    result = write(what, &sink, error);
    if (result == OTX_ERROR_IO) set_error(error, result, out->path, strerror(errno));
    if (result) return result;
    closed = fclose(out->file) == 0;
    out->file = NULL;
    if (closed && (!out->partial || rename_file(out->partial, out->path))) return OTX_OK;
    set_error(error, OTX_ERROR_IO, out->path, strerror(errno));
    if (out->partial) remove_file(out->partial);
    return error->code;
}

/* ---- what is printed -------------------------------------------------------------------- */

static void print_count(const char *what, uint64_t count, uint64_t total)
{
    char number[NUMBER];
    printf("  %-14s %12s", what, grouped(number, count));
    if (total) printf("  %5.1f %%", 100 * (double)count / (double)total);
    printf("\n");
}

static void print_tokens(const otx_job_tokens *t)
{
    print_count("tokens", t->total, 0);
    print_count("copied", t->copied, t->total);
    print_count("by role", t->by_role, t->total);
    print_count("mapped", t->mapped, t->total);
    if (t->matched) print_count("matched", t->matched, t->total);
    print_count("approximated", t->approximated, t->total);
    print_count("unused", t->unused, t->total);
    if (t->untrained) print_count("  untrained", t->untrained, t->total);
    if (t->skipped) print_count("without a row", t->skipped, t->total);
    print_count("padding rows", t->padding, 0);
}

/* What a map was chosen to be, and by which figures. */
static void print_choice(const otx_job_matrix *m)
{
    printf("  %-14s %12g lambda", "map", m->choice.lambda);
    if (m->hidden > 0)
        printf(", share %.3f, error %.3f on %" PRIu64 " hidden anchors", m->choice.share,
               m->choice.error, m->hidden);
    printf("\n  %-14s %12" PRIu64 " anchors a token%s\n", "k", m->k,
           m->k == 0 ? ", the map alone" : m->choice.cosine ? ", by cosine" : "");
    if (m->pieces > 0) printf("  %-14s %12g weight", "pieces", m->pieces);
    else if (m->other.lambda > 0) printf("  %-14s %12s", "pieces", "none");
    if (m->other.lambda > 0)
        printf(", loss %.3f %s", m->other.loss, m->pieces > 0 ? "without" : "with");
    if (m->pieces > 0 || m->other.lambda > 0) printf("\n");
}

static void print_matrix(const otx_job_matrix *m, bool done)
{
    bool solved = otx_method_needs(m->method) & OTX_NEED_DONOR && m->approximated > 0 && done;
    char name[SHOWN], number[NUMBER];
    printf("\n%s\n", escape(name, m->name, strlen(m->name)));
    printf("  %-14s %12s x %" PRIu64 " %s\n", "rows", grouped(number, m->rows), m->columns,
           otx_dtype_name(m->dtype));
    print_count("anchors", m->anchors, 0);
    print_count("approximated", m->approximated, 0);
    if (solved && m->choice.lambda > 0) print_choice(m);
    if (solved && m->k > 0) {
        printf("  %-14s %12.4f mean, %.4f max, relative\n", "residual",
               m->mean_relative_residual, m->max_relative_residual);
        printf("  %-14s %12s form, %s kernels, %d thread%s\n", "solver",
               otx_omp_form_name(m->omp.form), otx_isa_name(m->omp.isa), m->omp.threads,
               m->omp.threads == 1 ? "" : "s");
    }
    if (solved && m->anchor_norms[2] > 0)
        printf("  %-14s %12.2f of what 99 of 100 shared rows stay below; %" PRIu64 " long, %" PRIu64
               " short\n", "longest row", m->longest_norm / m->anchor_norms[2], m->long_rows,
               m->short_rows);
    if (done) printf("  %-14s %12.1f\n", "seconds", m->seconds);
}

static void print_summary(const settings *s, const otx_job *job)
{
    otx_job_summary summary;
    char number[NUMBER];
    size_t i;
    otx_job_summarize(job, &summary);
    if (s->command == DRAFT_HEAD) printf("%s", s->arguments[0]);
    else
        printf("%s -> %s, by %s", s->arguments[1], s->arguments[0],
               otx_method_name(s->job.method));
    if (s->job.own_head_method) printf(", the head by %s", otx_method_name(s->job.head_method));
    printf("\n");
    print_tokens(&summary.tokens);
    if (summary.draft_rows) print_count("in the head", summary.draft_rows, summary.tokens.total);
    for (i = 0; i < summary.matrix_count; i++)
        print_matrix(&summary.matrices[i], !s->dry_run);
    if (s->dry_run) printf("\nDry run: no model was written.\n");
    else printf("\n%s: complete in %.1f s, peak memory %s\n", s->arguments[2], summary.seconds,
                size_text(number, (double)summary.peak_bytes));
}

/* ---- the commands ------------------------------------------------------------------------ */

/* Opens the reports before the long run, so that a wrong path costs nothing. */
static otx_result run_job(const settings *s, otx_job *job, output reports[2], otx_error *error)
{
    otx_result result = OTX_OK;
    if (s->report) result = output_open(&reports[0], s->report, error);
    if (!result && s->token_report) result = output_open(&reports[1], s->token_report, error);
    if (!result && !s->dry_run) result = otx_job_run(job, s->arguments[2], error);
    if (!result) result = output_finish(&reports[0], job, write_report, error);
    if (!result) result = output_finish(&reports[1], job, write_tokens, error);
    return result;
}

static int run_transplant(const settings *s)
{
    output reports[2];
    meter m;
    otx_context ctx = make_context(s, &m);
    otx_job *job = NULL;
    otx_error error;
    otx_result result;
    memset(reports, 0, sizeof reports);
    catch_signals();
    result = otx_job_open(&ctx, s->arguments[0], s->arguments[1], &s->job, &job, &error);
    if (!result && interrupted) result = OTX_ERROR_CANCELLED;
    if (!result) result = run_job(s, job, reports, &error);
    clear_bar(&m);
    if (!result && !s->quiet) print_summary(s, job);
    output_close(&reports[0]);
    output_close(&reports[1]);
    otx_job_close(job);
    return ended(s, result, &error);
}

/* Whether a path leads to a file. */
static bool is_file(const otx_context *ctx, const char *path)
{
    otx_source source;
    otx_error error;
    if (otx_source_open(ctx, path, &source, &error)) return false;
    otx_source_close(ctx, &source);
    return true;
}

/* Columns that the widest name takes. */
static int name_width(const otx_checkpoint *c)
{
    char name[SHOWN];
    size_t i, width = 0;
    for (i = 0; i < c->tensor_count; i++) {
        const otx_tensor *t = c->tensors[i].tensor;
        size_t length = strlen(escape(name, t->name, t->name_size));
        if (length > width) width = length;
    }
    return (int)width;
}

/* What the type of a tensor is called: in GGUF by ggml, also where it is not read here. */
static const char *type_name(const otx_checkpoint *c, const otx_checkpoint_tensor *at)
{
    const otx_gguf *gguf = &c->files[at->file].gguf;
    return c->gguf ? otx_gguf_type_name(gguf->types[at->tensor - gguf->tensors])
                   : otx_dtype_name(at->tensor->dtype);
}

static void print_tensor(const otx_checkpoint *c, const otx_checkpoint_tensor *at, int width)
{
    const otx_tensor *t = at->tensor;
    char name[SHOWN], number[NUMBER];
    unsigned i;
    printf("%-*s  %-8s %16s  [", width, escape(name, t->name, t->name_size), type_name(c, at),
           grouped(number, t->end - t->begin));
    for (i = 0; i < t->rank; i++) printf("%s%" PRIu64, i ? ", " : "", t->shape[i]);
    printf("]");
    if (c->file_count > 1) {
        const char *file = c->files[at->file].name;
        printf("  %s", escape(name, file, strlen(file)));
    }
    printf("\n");
}

/* Element i of a key that holds no strings. */
static void print_number(const otx_gguf_key *key, uint64_t i)
{
    int64_t integer = 0;
    double number = 0;
    (void)otx_gguf_number(key, i, &number);
    if (!otx_gguf_integer(key, i, &integer)) printf("%g", number);
    else if (key->type == OTX_GGUF_BOOL) printf("%s", integer ? "true" : "false");
    else printf("%" PRId64, integer);
}

/* A key of a GGUF file: its type, and of its value as much as a line shows. */
static void print_key(const otx_gguf_key *key, int width)
{
    enum { ELEMENTS = 4 };
    static const char *const names[OTX_GGUF_TYPE_COUNT] = {
        "u8", "i8", "u16", "i16", "u32", "i32", "f32", "bool", "string", "array", "u64", "i64",
        "f64"};
    char name[SHOWN], type[2 * NUMBER], number[NUMBER];
    otx_gguf_strings strings;
    uint64_t i;
    memset(&strings, 0, sizeof strings);
    if (key->array)
        snprintf(type, sizeof type, "%s[%s]", names[key->type], grouped(number, key->count));
    else snprintf(type, sizeof type, "%s", names[key->type]);
    printf("%-*s  %-15s", width, escape(name, key->name, key->name_size), type);
    for (i = 0; i < key->count && i < ELEMENTS; i++) {
        printf(i ? ", " : "  ");
        if (otx_gguf_next(key, &strings))
            printf("\"%s\"", escape(name, strings.bytes, strings.size));
        else print_number(key, i);
    }
    printf("%s\n", key->count > ELEMENTS ? ", ..." : "");
}

/* The keys of a GGUF file, of a split one those of its first part. */
static void print_keys(const otx_gguf *gguf)
{
    char number[NUMBER], name[SHOWN];
    size_t i, width = 0;
    for (i = 0; i < gguf->key_count; i++) {
        size_t length = strlen(escape(name, gguf->keys[i].name, gguf->keys[i].name_size));
        if (length > width) width = length;
    }
    printf("GGUF of version %u, %s keys\n", (unsigned)gguf->version,
           grouped(number, gguf->key_count));
    for (i = 0; i < gguf->key_count; i++) print_key(&gguf->keys[i], (int)width);
    printf("\n");
}

/* Of a draft whose output head has rows for a part of the tokens, how many. */
static void print_draft_head(const otx_checkpoint *c)
{
    const otx_checkpoint_tensor *map = otx_checkpoint_find(c, "d2t");
    char number[NUMBER];
    if (map && map->tensor->rank == 1)
        printf("output head for %s tokens, by d2t\n", grouped(number, map->tensor->shape[0]));
}

static otx_result inspect_checkpoint(const otx_context *ctx, const char *path, bool *gguf,
                                     otx_error *error)
{
    otx_checkpoint checkpoint;
    char tensors[NUMBER], bytes[NUMBER];
    uint64_t total = 0;
    size_t i;
    int width;
    otx_result result = otx_checkpoint_open(ctx, path, &checkpoint, error);
    *gguf = false;
    if (result) return result;
    *gguf = checkpoint.gguf;
    if (checkpoint.gguf) print_keys(&checkpoint.files[0].gguf);
    width = name_width(&checkpoint);
    for (i = 0; i < checkpoint.tensor_count; i++) {
        const otx_tensor *tensor = checkpoint.tensors[i].tensor;
        print_tensor(&checkpoint, &checkpoint.tensors[i], width);
        total += tensor->end - tensor->begin;
    }
    printf("%s tensors, %s bytes", grouped(tensors, checkpoint.tensor_count),
           grouped(bytes, total));
    if (checkpoint.file_count > 1) printf(", %u files", (unsigned)checkpoint.file_count);
    printf("\n");
    print_draft_head(&checkpoint);
    otx_checkpoint_close(ctx, &checkpoint);
    return OTX_OK;
}

static void print_role(const otx_vocab *vocab, otx_role role)
{
    int64_t id = vocab->roles[role];
    char content[SHOWN], number[NUMBER];
    if (id < 0) return;
    printf("  %-14s %12s", otx_role_name(role), grouped(number, (uint64_t)id));
    if ((uint64_t)id < vocab->count) {
        const otx_token *token = &vocab->tokens[id];
        printf("  \"%s\"", escape(content, token->content, token->content_size));
    }
    printf("\n");
}

static otx_result inspect_vocab(const otx_context *ctx, const char *path, bool after_tensors,
                                otx_error *error)
{
    uint64_t counts[OTX_TOKEN_KIND_COUNT] = {0}, added = 0;
    otx_vocab vocab;
    size_t i;
    otx_result result = otx_vocab_open(ctx, path, &vocab, error);
    if (result) return result;
    for (i = 0; i < vocab.count; i++) {
        counts[vocab.tokens[i].kind]++;
        added += vocab.tokens[i].added;
    }
    if (after_tensors) printf("\n");
    printf("vocabulary: %s %s\n", otx_family_name(vocab.family), vocab.model);
    printf("  %-14s %12s\n", "read from", vocab.source);
    print_count("tokens", vocab.token_count, 0);
    for (i = OTX_TOKEN_NONE + 1; i < OTX_TOKEN_KIND_COUNT; i++)
        print_count(otx_token_kind_name((otx_token_kind)i), counts[i], 0);
    print_count("added", added, 0);
    print_count("holes", counts[OTX_TOKEN_NONE], 0);
    print_count("digits a token", vocab.digits, 0);
    for (i = 0; i < OTX_ROLE_COUNT; i++) print_role(&vocab, (otx_role)i);
    otx_vocab_close(ctx, &vocab);
    return OTX_OK;
}

/* The tensors, if there are any, and the vocabulary, if there is one. Of a file there is
   one of them, but of a GGUF file, which may have both. */
static int run_inspect(const settings *s)
{
    const char *path = s->arguments[0];
    meter m;
    otx_context ctx = make_context(s, &m);
    otx_error error, no_vocab;
    bool gguf, file = is_file(&ctx, path);
    otx_result vocab, tensors = inspect_checkpoint(&ctx, path, &gguf, &error);
    bool advised = tensors == OTX_ERROR_UNSUPPORTED;
    if (tensors && tensors != OTX_ERROR_NOT_FOUND && !advised) return fail(s, &error);
    if (!tensors && file && !gguf) return STATUS_OK;
    vocab = inspect_vocab(&ctx, path, !tensors, &no_vocab);
    /* Unless a file that was there has gone meanwhile. */
    if (!vocab || (!tensors && vocab == OTX_ERROR_NOT_FOUND && is_file(&ctx, path) == file))
        return STATUS_OK;
    if (gguf && vocab == OTX_ERROR_UNSUPPORTED) {
        printf("\nvocabulary: none that is read: %s\n", no_vocab.message);
        return STATUS_OK;
    }
    /* Where it is neither, what is said of a directory's weights comes first. */
    return fail(s, advised && !file ? &error : &no_vocab);
}

/* A donor id, its bytes, and where its row comes from: for "</s>" that may be a token
   of other bytes. */
static void print_pair(const otx_vocab *donor, const otx_vocab *base, size_t id, int64_t from)
{
    const otx_token *token = &donor->tokens[id];
    char bytes[SHOWN];
    printf("  %9" PRIu64 "  \"%s\"", (uint64_t)id, escape(bytes, token->bytes, token->size));
    if (from >= 0) {
        const otx_token *other = &base->tokens[from];
        printf(" -> %" PRId64, from);
        if (other->size != token->size || memcmp(other->bytes, token->bytes, token->size) != 0)
            printf("  \"%s\"", escape(bytes, other->bytes, other->size));
    }
    printf("\n");
}

/* Some tokens of one kind of action, spread over all that there are. */
static void print_examples(const otx_vocab *donor, const otx_vocab *base,
                           const otx_alignment *plan, otx_action action)
{
    enum { EXAMPLES = 8 };
    size_t id, nth = 0, printed = 0, count = plan->counts[action];
    if (count == 0) return;
    printf("\n%s\n", otx_action_name(action));
    for (id = 0; id < plan->count; id++) {
        if (plan->rows[id].action != action) continue;
        if (nth++ < count / EXAMPLES * printed) continue;
        if (++printed > EXAMPLES) return;
        print_pair(donor, base, id, plan->rows[id].base);
    }
}

/* How many digits of a number one token has at most, on either side. */
static void print_digits(const otx_vocab *donor, const otx_vocab *base)
{
    char number[NUMBER];
    printf("  %-14s %12s", "digits a token", grouped(number, donor->digits));
    printf("  %s in BASE%s\n", grouped(number, base->digits),
           base->digits == 1 && donor->digits > 1 ? ": see --split-digits" : "");
}

static void print_alignment(const otx_vocab *donor, const otx_vocab *base,
                            const otx_alignment *plan)
{
    static const otx_action shown[] = {OTX_ACTION_COPY, OTX_ACTION_ROLE, OTX_ACTION_APPROXIMATE,
                                       OTX_ACTION_UNUSED};
    otx_job_tokens tokens;
    size_t i;
    memset(&tokens, 0, sizeof tokens);
    tokens.total = donor->token_count;
    tokens.copied = plan->counts[OTX_ACTION_COPY];
    tokens.by_role = plan->counts[OTX_ACTION_ROLE];
    tokens.approximated = plan->counts[OTX_ACTION_APPROXIMATE];
    tokens.unused = plan->counts[OTX_ACTION_UNUSED];
    tokens.padding = plan->counts[OTX_ACTION_PADDING];
    print_tokens(&tokens);
    print_count("anchors", plan->anchor_count, 0);
    print_digits(donor, base);
    for (i = 0; i < COUNT(shown); i++) print_examples(donor, base, plan, shown[i]);
}

static int run_align(const settings *s)
{
    otx_vocab vocabs[2]; /* of base and donor */
    otx_alignment plan;
    meter m;
    otx_context ctx = make_context(s, &m);
    otx_error error;
    otx_result result;
    memset(vocabs, 0, sizeof vocabs);
    memset(&plan, 0, sizeof plan);
    result = otx_vocab_open(&ctx, s->arguments[0], &vocabs[0], &error);
    if (!result) result = otx_vocab_open(&ctx, s->arguments[1], &vocabs[1], &error);
    if (!result) result = otx_align(&ctx, &vocabs[1], &vocabs[0], NULL, &plan, &error);
    if (!result) {
        printf("%s -> %s\n", s->arguments[1], s->arguments[0]);
        print_alignment(&vocabs[1], &vocabs[0], &plan);
    }
    otx_alignment_close(&ctx, &plan);
    otx_vocab_close(&ctx, &vocabs[1]);
    otx_vocab_close(&ctx, &vocabs[0]);
    return result ? fail(s, &error) : STATUS_OK;
}

/* The library's findings. With --quiet no notes. */
static void on_finding(void *context, otx_severity severity, const char *message)
{
    meter *m = (meter *)context;
    if (m->quiet && severity == OTX_NOTE) return;
    clear_bar(m);
    printf("%s: %s\n", severity == OTX_FAULT     ? "error"
                       : severity == OTX_WARNING ? "warning"
                                                 : "note", message);
}

static int run_verify(const settings *s)
{
    otx_verify_options verify;
    otx_verify_summary summary;
    meter m;
    otx_context ctx = make_context(s, &m);
    otx_error error;
    otx_result result;
    memset(&verify, 0, sizeof verify);
    verify.finding = on_finding;
    verify.finding_context = &m;
    verify.draft_for = s->draft_for;
    verify.engine = s->engine;
    catch_signals();
    result = otx_verify(&ctx, s->arguments[0], &verify, &summary, &error);
    clear_bar(&m);
    if (result) return ended(s, result, &error);
    if (!s->quiet)
        printf("%s: %" PRIu64 " errors, %" PRIu64 " warnings\n", s->arguments[0], summary.faults,
               summary.warnings);
    return summary.faults ? STATUS_ERROR : STATUS_OK;
}

static bool ends_in(const char *text, const char *end)
{
    size_t length = strlen(text), most = strlen(end);
    return length >= most && same_name(text + length - most, end);
}

/* Prints a path within quotes: a shell's single ones, those of JSON and Python, or both. */
static void print_inner(const char *path, bool shell, bool text)
{
    for (; *path; path++) {
        if (text && (*path == '"' || *path == '\\')) putchar('\\');
        if (shell && *path == '\'') printf("'\\''");
        else putchar(*path);
    }
}

/* Prints words of a command, and a path as one word of it. */
static void print_argument(const char *words, const char *path)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
#ifdef _WIN32
                                "\\"
#endif
                                "_./:,+@%-";
    const bool quotes = path[strspn(path, plain)] != 0;
    printf("%s %s", words, quotes ? "'" : "");
    print_inner(path, quotes, false);
    if (quotes) putchar('\'');
}

/* How a draft is started, of the engines that it was made for. */
static void print_start(const settings *s)
{
    const char *target = s->arguments[1], *out = s->arguments[2];
    const bool gguf = ends_in(out, ".gguf");
    if (gguf && (s->engine == OTX_ENGINE_ALL || s->engine == OTX_ENGINE_LLAMA_CPP)) {
        print_argument("start: llama-server --model", target);
        print_argument(" --model-draft", out);
        printf(" --spec-type draft-simple\n"); /* by default it drafts with nothing */
    }
    if (!gguf && (s->engine == OTX_ENGINE_ALL || s->engine == OTX_ENGINE_VLLM)) {
        print_argument("start: vllm serve", target);
        printf(" --speculative-config '{\"method\": \"draft_model\", \"model\": \"");
        print_inner(out, true, true);
        printf("\", \"num_speculative_tokens\": 5}'\n");
    }
    if (!gguf && (s->engine == OTX_ENGINE_ALL || s->engine == OTX_ENGINE_SGLANG)) {
        print_argument("start: python -m sglang.launch_server --model-path", target);
        print_argument(" --speculative-algorithm STANDALONE --speculative-draft-model-path", out);
        printf(" --speculative-num-steps 5 --speculative-eagle-topk 1"
               " --speculative-num-draft-tokens 6\n"); /* of which one is the target's */
    }
    if (!gguf && (s->engine == OTX_ENGINE_ALL || s->engine == OTX_ENGINE_TRANSFORMERS)) {
        printf("start: model.generate(..., assistant_model=AutoModelForCausalLM"
               ".from_pretrained(\"");
        print_inner(out, false, true);
        printf("\"))\n");
    }
    if (!gguf && s->engine == OTX_ENGINE_LLAMA_CPP) {
        print_argument("start: python convert_hf_to_gguf.py", out);
        printf("; then llama-server --model-draft FILE --spec-type draft-simple\n");
    }
}

/* What has been written at `out`: itself, or the first of its parts, in `part`. */
static const char *written(const settings *s, const char *out, char *part, size_t room)
{
    meter m;
    otx_context ctx = make_context(s, &m);
    int count;
    if (!s->job.split_max_size || !ends_in(out, ".gguf")) return out;
    for (count = 2; count <= 65535 && !is_file(&ctx, out); count++) {
        snprintf(part, room, "%.*s-00001-of-%05d.gguf", (int)strlen(out) - 5, out, count);
        if (is_file(&ctx, part)) return part;
    }
    return out;
}

/* Longest path of a part. */
#define PART 4096

/* A transplant, and what verify says of it. */
static int run_draft(const settings *s)
{
    settings check = *s;
    const char *arguments[3];
    char part[PART];
    int status = run_transplant(s);
    if (status || s->dry_run) return status;
    arguments[0] = s->arguments[0];
    arguments[1] = check.draft_for = s->arguments[1];
    arguments[2] = written(s, s->arguments[2], part, sizeof part);
    check.arguments = arguments + 2;
    if (!s->quiet) printf("\n");
    status = run_verify(&check);
    check.arguments = arguments;
    if (!status && !s->quiet && !s->draft_vocab) print_start(&check);
    return status;
}

/* The head of a finished model: a transplant of its own tokenizer, of which all rows are
   copies. What verify says of it says what reads it. */
static int run_draft_head(const settings *s)
{
    settings both = *s;
    const char *arguments[3];
    char part[PART];
    int status;
    arguments[0] = arguments[1] = s->arguments[0];
    arguments[2] = s->argument_count > 1 ? s->arguments[1] : NULL;
    both.arguments = arguments;
    both.job.method = OTX_METHOD_ZERO; /* there is nothing to be made */
    status = run_transplant(&both);
    if (status || s->dry_run) return status;
    arguments[2] = written(s, arguments[2], part, sizeof part);
    both.arguments = arguments + 2;
    if (!s->quiet) printf("\n");
    return run_verify(&both);
}

/* Whether a method stands before another: by less loss, with one; what could not run last. */
static bool comes_first(const otx_evaluation_entry *entry, const otx_evaluation_entry *other)
{
    double loss = entry->scores[0].loss, others = other->scores[0].loss;
    if (entry->result || other->result) return !entry->result && other->result;
    return loss < others || (loss <= DBL_MAX && !(others <= DBL_MAX)); /* or is no number */
}

/* The entries of a matrix, the least loss first; what could not run comes last. */
static size_t sort_entries(const otx_evaluation *e, size_t matrix,
                           const otx_evaluation_entry *to[OTX_METHOD_COUNT])
{
    size_t count = 0, i, j;
    for (i = 0; i < e->entry_count; i++) {
        const otx_evaluation_entry *entry = &e->entries[i];
        if (entry->matrix != matrix) continue;
        for (j = count++; j > 0; j--) {
            if (!comes_first(entry, to[j - 1])) break;
            to[j] = to[j - 1];
        }
        to[j] = entry;
    }
    return count;
}

static void print_evaluation(const settings *s, const otx_evaluation *e)
{
    const otx_evaluation_entry *entries[OTX_METHOD_COUNT];
    char name[SHOWN], hidden[NUMBER], rest[NUMBER];
    size_t matrix, count, i;
    printf("%s -> %s: %s shared tokens hidden, made from %s\n", s->arguments[1],
           s->arguments[0], grouped(hidden, e->hidden), grouped(rest, e->anchors));
    for (matrix = 0; matrix < e->matrix_count; matrix++) {
        const otx_evaluation_matrix *m = &e->matrices[matrix];
        printf("\n%s\n  %-20s %6s %6s %6s %6s %7s %6s %5s %5s %4s\n",
               escape(name, m->name, strlen(m->name)), "method", "share", "error", "loss",
               "cosine", "centred", "norm", "top1", "top10", "k");
        count = sort_entries(e, matrix, entries);
        for (i = 0; i < count; i++) {
            const otx_scores *scores = &entries[i]->scores[OTX_CLASS_ALL];
            printf("  %-20s ", otx_method_name(entries[i]->method));
            if (entries[i]->result) printf("%s\n", entries[i]->message);
            else
                printf("%6.3f %6.3f %6.3f %6.3f %7.3f %6.3f %5.3f %5.3f %4u\n", scores->share,
                       scores->error, scores->loss, scores->cosine, scores->centred_cosine,
                       scores->norm_ratio, scores->top1, scores->top10, (unsigned)entries[i]->k);
        }
    }
}

/* Opens the reports before the long run, as for a transplant. */
static otx_result evaluate(const settings *s, const otx_context *ctx, otx_evaluation *evaluation,
                           output reports[2], otx_error *error)
{
    otx_evaluate_options wanted = s->evaluate;
    otx_result result = OTX_OK;
    wanted.method = s->job.how;
    if (s->json) result = output_open(&reports[0], s->json, error);
    if (!result && s->html) result = output_open(&reports[1], s->html, error);
    if (!result)
        result = otx_evaluate(ctx, s->arguments[0], s->arguments[1], &wanted, evaluation, error);
    if (!result) result = output_finish(&reports[0], evaluation, write_json, error);
    if (!result) result = output_finish(&reports[1], evaluation, write_html, error);
    return result;
}

static int run_evaluate(const settings *s)
{
    output reports[2];
    otx_evaluation evaluation;
    meter m;
    otx_context ctx = make_context(s, &m);
    otx_error error;
    otx_result result;
    memset(reports, 0, sizeof reports);
    memset(&evaluation, 0, sizeof evaluation);
    catch_signals();
    result = evaluate(s, &ctx, &evaluation, reports, &error);
    clear_bar(&m);
    if (!result && !s->quiet) print_evaluation(s, &evaluation);
    output_close(&reports[0]);
    output_close(&reports[1]);
    otx_evaluation_close(&ctx, &evaluation);
    return ended(s, result, &error);
}

/* Lines of a file, each a token. */
typedef struct token_list {
    char *text;
    const char **tokens;
    size_t count;
} token_list;

static void list_close(token_list *list)
{
    free(list->text);
    free((void *)list->tokens);
}

static otx_result list_fail(otx_error *error, otx_result code, const char *path,
                            const char *problem)
{
    char name[SHOWN];
    error->code = code;
    snprintf(error->message, sizeof error->message, "%s: %s", escape(name, path, strlen(path)),
             problem);
    return code;
}

/* Cuts the text at its lines' ends; empty lines are none. */
static void list_split(token_list *list, size_t size)
{
    char *at = list->text, *end = list->text + size;
    while (at < end) {
        char *line = at, *stop = (char *)memchr(at, '\n', (size_t)(end - at));
        if (!stop) stop = end;
        at = stop + 1;
        if (stop > line && stop[-1] == '\r') stop--;
        *stop = 0;
        if (stop > line) list->tokens[list->count++] = line;
    }
}

/* Most bytes of such a file. */
#define LIST_LIMIT ((uint64_t)256 << 20)

static otx_result list_open(const otx_context *ctx, const char *path, token_list *list,
                            otx_error *error)
{
    otx_source source;
    size_t size, lines = 1, i;
    otx_result result = otx_source_open(ctx, path, &source, error);
    if (result) return result;
    size = (size_t)source.size;
    if (source.size > LIST_LIMIT) {
        result = list_fail(error, OTX_ERROR_LIMIT, path, "is no list of tokens: over 256 MiB");
    } else if ((list->text = (char *)malloc(size + 1)) == NULL) {
        result = list_fail(error, OTX_ERROR_MEMORY, path, "out of memory");
    } else if (!source.read(source.context, 0, list->text, size)) {
        result = list_fail(error, OTX_ERROR_IO, path, "cannot be read");
    } else if (memchr(list->text, 0, size)) {
        result = list_fail(error, OTX_ERROR_FORMAT, path, "holds a zero byte; write \\x00");
    }
    otx_source_close(ctx, &source);
    if (result) return result;
    list->text[size] = 0;
    if (size >= 3 && memcmp(list->text, "\xef\xbb\xbf", 3) == 0)
        return list_fail(error, OTX_ERROR_FORMAT, path, "begins with a byte order mark: save it "
                         "without; a token that begins so is written \\xef\\xbb\\xbf");
    for (i = 0; i < size; i++) lines += list->text[i] == '\n';
    list->tokens = (const char **)malloc(lines * sizeof *list->tokens);
    if (!list->tokens) return list_fail(error, OTX_ERROR_MEMORY, path, "out of memory");
    list_split(list, size);
    return OTX_OK;
}

static void print_trimming(const char *model, const otx_trim_summary *t)
{
    char bytes[NUMBER], less[NUMBER];
    const double size = t->text_bytes ? (double)t->text_bytes : 1.0;
    printf("%s\n", model);
    print_count("tokens", t->before, 0);
    print_count("stay", t->after, t->before);
    print_count("  as wished", t->wanted, t->before);
    print_count("  always", t->always, t->before);
    print_count("  as parts", t->parts, t->before);
    if (t->made) print_count("  as new bytes", t->made, 0);
    printf("  %-14s %12s  %s of them saved\n", "matrices",
           size_text(bytes, (double)t->trimmed),
           size_text(less, (double)t->matrices - (double)t->trimmed));
    if (t->text_bytes == 0) return;
    print_count("of the text", t->text_bytes, 0);
    printf("  %-14s %12.6f before, %.6f after: %.4g %% more\n", "tokens a byte",
           (double)t->text_before / size, (double)t->text_after / size,
           t->text_before ? 100 * ((double)t->text_after / (double)t->text_before - 1) : 0.0);
}

/* Ends a command that reshapes: its status. */
static int reshaped(const settings *s, otx_result result, otx_error *error,
                    token_list *list)
{
    list_close(list);
    return ended(s, result, error);
}

static int run_extend(const settings *s)
{
    otx_extend_options wanted;
    otx_extend_summary summary;
    token_list list;
    meter m;
    otx_context ctx = make_context(s, &m);
    otx_error error;
    otx_result result = OTX_OK;
    memset(&wanted, 0, sizeof wanted);
    memset(&list, 0, sizeof list);
    catch_signals();
    if (s->tokens) result = list_open(&ctx, s->tokens, &list, &error);
    wanted.tokens = list.tokens;
    wanted.token_count = list.count;
    wanted.tokens_of = s->tokens_of;
    wanted.first = s->first;
    wanted.most = s->most;
    wanted.donor = s->donor;
    wanted.method = s->job.method;
    wanted.how = s->job.how;
    wanted.multiple = s->job.rows_multiple;
    wanted.overwrite = s->job.overwrite;
    if (!result)
        result = otx_extend(&ctx, s->arguments[0], s->arguments[1], &wanted, &summary, &error);
    clear_bar(&m);
    if (!result && !s->quiet) {
        printf("%s\n", s->arguments[1]);
        print_count("tokens", summary.before, 0);
        print_count("  now", summary.after, 0);
        print_count("were there", summary.present, 0);
        print_count("of the model", summary.own, 0);
        print_count("  parts", summary.parts, 0);
        print_count("added", summary.added, 0);
        if (summary.left) print_count("left out", summary.left, 0);
        if (s->donor) {
            print_count("by the donor", summary.solved, 0);
            print_count("by pieces", summary.own + summary.parts + summary.added - summary.solved,
                        0);
        }
    }
    return reshaped(s, result, &error, &list);
}

static int run_trim(const settings *s)
{
    const char *path = s->keep ? s->keep : s->drop;
    otx_trim_options wanted;
    otx_trim_summary summary;
    token_list list;
    meter m;
    otx_context ctx = make_context(s, &m);
    otx_error error;
    otx_result result = OTX_OK;
    memset(&wanted, 0, sizeof wanted);
    memset(&list, 0, sizeof list);
    catch_signals();
    if (path) result = list_open(&ctx, path, &list, &error);
    wanted.tokens = list.tokens;
    wanted.token_count = list.count;
    wanted.drop = s->drop != NULL;
    wanted.bytes = s->by_subword;
    wanted.first = s->first;
    wanted.texts = s->texts;
    wanted.text_count = s->text_count;
    wanted.min_count = s->least;
    wanted.multiple = s->job.rows_multiple;
    wanted.overwrite = s->job.overwrite;
    if (!result)
        result = otx_trim(&ctx, s->arguments[0], s->arguments[1], &wanted, &summary, &error);
    clear_bar(&m);
    if (!result && !s->quiet) print_trimming(s->arguments[1], &summary);
    return reshaped(s, result, &error, &list);
}

/* A command with --draft-vocab, whose file is a list of tokens. */
static int run_with_draft_vocab(const settings *s)
{
    settings with = *s;
    token_list list;
    meter m;
    otx_context ctx = make_context(s, &m);
    otx_error error;
    otx_result result = OTX_OK;
    int status;
    memset(&list, 0, sizeof list);
    if (!s->job.draft_vocab_first) result = list_open(&ctx, s->draft_vocab, &list, &error);
    if (!result && !s->job.draft_vocab_first && !list.count)
        result = list_fail(&error, OTX_ERROR_FORMAT, s->draft_vocab, "names no token");
    with.job.draft_vocab = list.tokens;
    with.job.draft_vocab_count = list.count;
    if (result) status = fail(s, &error);
    else
        status = s->command == DRAFT        ? run_draft(&with)
                 : s->command == DRAFT_HEAD ? run_draft_head(&with)
                                            : run_transplant(&with);
    list_close(&list);
    return status;
}

/* Both ways between A and B. */
typedef struct mapping {
    otx_vocab vocabs[2];
    otx_token_map maps[2];
    char method[SHOWN];
} mapping;

static otx_result write_maps(const void *maps, const otx_sink *sink, otx_error *error)
{
    return otx_token_maps_write(NULL, (const otx_token_maps *)maps, sink, error);
}

static otx_result write_maps_json(const void *maps, const otx_sink *sink, otx_error *error)
{
    return otx_token_maps_write_json(NULL, (const otx_token_maps *)maps, sink, error);
}

/* One way, from the vocabulary of that number to the other's. */
static otx_result map_one_way(const settings *s, const otx_context *ctx, mapping *m, int from,
                              otx_error *error)
{
    otx_token_map_options split;
    if (s->job.method != OTX_METHOD_SUBWORD)
        return otx_token_map_fit(ctx, s->arguments[from], s->arguments[!from], &s->job, s->input,
                                 &m->maps[from], error);
    memset(&split, 0, sizeof split);
    split.subword = s->job.how.subword;
    split.input = s->input;
    return otx_token_map_open(ctx, &m->vocabs[from], &m->vocabs[!from], &split, &m->maps[from],
                              error);
}

static otx_result map_both_ways(const settings *s, const otx_context *ctx, mapping *m,
                                output files[2], otx_error *error)
{
    const bool split = s->job.method == OTX_METHOD_SUBWORD;
    otx_token_maps maps;
    otx_result result = OTX_OK;
    int i;
    snprintf(m->method, sizeof m->method, "%s%s%s, %s", otx_method_name(s->job.method),
             split ? " " : "", split ? otx_subword_name(s->job.how.subword) : "",
             s->input ? "input" : "output");
    for (i = 0; i < 2 && !result; i++) {
        result = otx_vocab_open(ctx, s->arguments[i], &m->vocabs[i], error);
        if (!result && split)
            result = otx_vocab_open_rules(ctx, s->arguments[i], &m->vocabs[i], error);
    }
    if (!result && s->safetensors) result = output_open(&files[0], s->safetensors, error);
    if (!result && s->json) result = output_open(&files[1], s->json, error);
    for (i = 0; i < 2 && !result; i++) result = map_one_way(s, ctx, m, i, error);
    maps.a = &m->vocabs[0];
    maps.b = &m->vocabs[1];
    maps.a_to_b = &m->maps[0];
    maps.b_to_a = &m->maps[1];
    maps.a_name = s->arguments[0];
    maps.b_name = s->arguments[1];
    maps.method = m->method;
    if (!result) result = output_finish(&files[0], &maps, write_maps, error);
    if (!result) result = output_finish(&files[1], &maps, write_maps_json, error);
    return result;
}

static void print_map(const char *from, const char *to, const otx_token_map *map)
{
    static const char *const names[OTX_COUNTERPART_COUNT] = {
        "same bytes", "same role", "split", "combined", "unused", "no counterpart", "no token"};
    const uint64_t tokens = map->rows - map->counts[OTX_COUNTERPART_ABSENT];
    size_t i;
    printf("%s -> %s\n", from, to);
    print_count("tokens", tokens, 0);
    for (i = 0; i < OTX_COUNTERPART_ABSENT; i++)
        if (map->counts[i]) print_count(names[i], map->counts[i], tokens);
    print_count("entries", map->entries, 0);
    printf("  %-14s %12.7g to %.7g", "sums of rows", map->least_sum, map->most_sum);
    if (map->negative) printf("; %" PRIu64 " weights below 0", map->negative);
    printf("\n");
}

static int run_map(const settings *s)
{
    mapping map;
    output files[2];
    meter m;
    otx_context ctx = make_context(s, &m);
    otx_error error;
    otx_result result;
    int i;
    memset(&map, 0, sizeof map);
    memset(files, 0, sizeof files);
    catch_signals();
    result = map_both_ways(s, &ctx, &map, files, &error);
    clear_bar(&m);
    for (i = 0; i < 2 && !result && !s->quiet; i++)
        print_map(s->arguments[i], s->arguments[!i], &map.maps[i]);
    for (i = 0; i < 2; i++) {
        output_close(&files[i]);
        otx_token_map_close(&ctx, &map.maps[i]);
        otx_vocab_close(&ctx, &map.vocabs[i]);
    }
    return ended(s, result, &error);
}

/* Tokens of texts, and what counts them. */
typedef struct counting {
    otx_encoder *encoder;
    otx_token_counts counts;
} counting;

static otx_result write_counts(const void *what, const otx_sink *sink, otx_error *error)
{
    const counting *c = (const counting *)what;
    return otx_token_counts_write(NULL, otx_encoder_vocab(c->encoder), &c->counts, false, sink,
                                  error);
}

static otx_result write_counts_json(const void *what, const otx_sink *sink, otx_error *error)
{
    const counting *c = (const counting *)what;
    return otx_token_counts_write(NULL, otx_encoder_vocab(c->encoder), &c->counts, true, sink,
                                  error);
}

static otx_result count_input(counting *c, otx_error *error)
{
    char bytes[1 << 14];
    size_t size;
    otx_result result;
#ifdef _WIN32
    (void)_setmode(_fileno(stdin), _O_BINARY);
#endif
    do {
        size = fread(bytes, 1, sizeof bytes, stdin);
        if (ferror(stdin)) return set_error(error, OTX_ERROR_IO, "-", strerror(errno));
        if (interrupted) return set_error(error, OTX_ERROR_CANCELLED, "-", "interrupted");
        result = otx_encoder_count(c->encoder, bytes, size, size == 0, &c->counts, error);
    } while (!result && size > 0);
    if (result == OTX_ERROR_FORMAT || result == OTX_ERROR_LIMIT) {
        const otx_error cause = *error;
        snprintf(error->message, sizeof error->message, "-: %.*s",
                 (int)sizeof error->message - 4, cause.message);
    }
    return result;
}

static otx_result count_all(const settings *s, const otx_context *ctx, counting *c,
                            output files[2], otx_error *error)
{
    size_t i;
    otx_result result = otx_encoder_open(ctx, s->arguments[0], &c->encoder, error);
    if (result) return result;
    c->counts.by_id = (uint64_t *)calloc(otx_encoder_vocab(c->encoder)->count + 1,
                                         sizeof *c->counts.by_id);
    if (!c->counts.by_id)
        return set_error(error, OTX_ERROR_MEMORY, s->arguments[0], "out of memory");
    if (s->tsv) result = output_open(&files[0], s->tsv, error);
    if (!result && s->json) result = output_open(&files[1], s->json, error);
    for (i = 1; i < s->argument_count && !result; i++)
        result = strcmp(s->arguments[i], "-") == 0
                     ? count_input(c, error)
                     : otx_encoder_count_file(c->encoder, s->arguments[i], &c->counts, error);
    if (!result) result = output_finish(&files[0], c, write_counts, error);
    if (!result) result = output_finish(&files[1], c, write_counts_json, error);
    return result;
}

static void print_counts(const counting *c)
{
    const otx_vocab *vocab = otx_encoder_vocab(c->encoder);
    char bytes[NUMBER], tokens[NUMBER], distinct[NUMBER], all[NUMBER];
    uint64_t found = 0;
    size_t i;
    for (i = 0; i < vocab->count; i++) found += c->counts.by_id[i] > 0;
    printf("%s bytes, %s tokens, %.4f bytes a token, %s distinct tokens of %s\n",
           grouped(bytes, c->counts.bytes), grouped(tokens, c->counts.tokens),
           c->counts.tokens ? (double)c->counts.bytes / (double)c->counts.tokens : 0.0,
           grouped(distinct, found), grouped(all, vocab->token_count));
}

static int run_count(const settings *s)
{
    counting c;
    output files[2];
    meter m;
    otx_context ctx = make_context(s, &m);
    otx_error error;
    otx_result result;
    memset(&c, 0, sizeof c);
    memset(files, 0, sizeof files);
    catch_signals();
    result = count_all(s, &ctx, &c, files, &error);
    clear_bar(&m);
    if (!result && !s->quiet) print_counts(&c);
    output_close(&files[0]);
    output_close(&files[1]);
    free(c.counts.by_id);
    otx_encoder_close(c.encoder);
    return ended(s, result, &error);
}

/* The help of the command that is named, or of the whole. */
static int run_help(const settings *s)
{
    const char *name = s->argument_count ? s->arguments[0] : commands[TRANSPLANT].name;
    command of = find_command(name);
    if (of == TRANSPLANT && strcmp(name, commands[TRANSPLANT].name) != 0)
        return misuse("unknown command", name,
                      "known are transplant, draft, draft-head, inspect, align, verify, "
                      "evaluate, trim, bytes, extend, map, count");
    return print_help(of);
}

static int run(const settings *s)
{
    int status;
    if (s->help) status = print_help(s->command);
    else if (s->version) status = print_version();
    else if (s->draft_vocab) status = run_with_draft_vocab(s);
    else if (s->command == DRAFT) status = run_draft(s);
    else if (s->command == INSPECT) status = run_inspect(s);
    else if (s->command == ALIGN) status = run_align(s);
    else if (s->command == VERIFY) status = run_verify(s);
    else if (s->command == EVALUATE) status = run_evaluate(s);
    else if (s->command == TRIM || s->command == BYTES) status = run_trim(s);
    else if (s->command == EXTEND) status = run_extend(s);
    else if (s->command == MAP) status = run_map(s);
    else if (s->command == TOKENS) status = run_count(s);
    else if (s->command == HELP) status = run_help(s);
    else status = run_transplant(s);
    if (fflush(stdout) == 0 && !ferror(stdout)) return status;
    fprintf(stderr, "transplant: error: standard output: %s\n", strerror(errno));
    return status ? status : STATUS_ERROR;
}

static int run_words(int count, char **words)
{
    settings s;
    size_t room = (size_t)count + 1;
    const char **arguments = (const char **)malloc(3 * room * sizeof *arguments);
    int status;
    if (!arguments) {
        fprintf(stderr, "transplant: error: out of memory\n");
        return STATUS_ERROR;
    }
    memset(&s, 0, sizeof s);
    s.job.method = OTX_METHOD_OMP_AFFINE; /* loses least on all pairs of bench/RESULTS.md */
    s.arguments = arguments;
    s.map = arguments + room;
    s.texts = arguments + 2 * room;
    status = read_command_line(&s, count, words);
    if (!status) status = run(&s);
    free(arguments);
    return status;
}

#ifdef _WIN32
#ifdef _MSC_VER
#pragma comment(lib, "shell32.lib")
#endif
/* The words that main would be given are in an old encoding, and lack what that cannot
   say; wmain is not in every compiler's library. The exit frees what is taken here. */
int main(void)
{
    int count = 0, i, size;
    wchar_t **wide = CommandLineToArgvW(GetCommandLineW(), &count);
    char **words = (char **)calloc((size_t)count + 1, sizeof *words);
    for (i = 0; wide && words && i < count; i++) {
        size = WideCharToMultiByte(CP_UTF8, 0, wide[i], -1, NULL, 0, NULL, NULL);
        words[i] = (char *)malloc((size_t)size);
        if (!words[i]) return STATUS_ERROR;
        WideCharToMultiByte(CP_UTF8, 0, wide[i], -1, words[i], size, NULL, NULL);
    }
    return wide && words ? run_words(count, words) : STATUS_ERROR;
}
#else
int main(int count, char **words) { return run_words(count, words); }
#endif
