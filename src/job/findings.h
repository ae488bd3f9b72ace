/* ---- findings: what is told of a finished model --------------------------- */

typedef struct otx__verifier {
    otx_context ctx;   /* the caller's, but warnings of what is opened are findings */
    otx_context quiet; /* the same without a log: for what is told here in other words */
    const otx_verify_options *options;
    otx_verify_summary summary;
    otx__side side;     /* what could not be opened is absent in it */
    uint32_t *draft;    /* of a draft whose d2t could be read, the id that each row of its head
                           is of, or UINT32_MAX; else NULL */
    otx_result failure; /* what ends the whole: lack of memory, cancelling */
    otx_error *error;
} otx__verifier;

OTX__PRIVATE void otx__found(otx__verifier *v, otx_severity severity, const char *format, ...)
    OTX__PRINTF(3, 4);
OTX__PRIVATE void otx__found(otx__verifier *v, otx_severity severity, const char *format, ...)
{
    char message[OTX__MESSAGE];
    va_list arguments;
    if (severity == OTX_FAULT) v->summary.faults++;
    else if (severity == OTX_WARNING) v->summary.warnings++;
    if (!v->options->finding) return;
    va_start(arguments, format);
    otx__message(message, format, arguments);
    va_end(arguments);
    v->options->finding(v->options->finding_context, severity, message);
}

/* The log of what is opened: all that it says is a finding. */
OTX__PRIVATE void otx__verify_log(void *context, otx_severity severity, const char *message)
{
    otx__found((otx__verifier *)context, severity, "%s", message);
}

/* Makes a fault of an error, unless it is one of the run rather than of the files.
   True if there was none. */
OTX__PRIVATE bool otx__verify_take(otx__verifier *v, otx_result result, const otx_error *error)
{
    if (!result) return true;
    if (result == OTX_ERROR_MEMORY || result == OTX_ERROR_CANCELLED) {
        v->failure = otx__fail(v->error, result, "%s", error->message);
        return false;
    }
    otx__found(v, OTX_FAULT, "%s", error->message);
    return false;
}
