/* ---- apart: targets that a table of products cannot tell on ---------------------- */

/* A target that nearly is an atom, or a combination of few, leaves a residual that is small
   beside the rounding of the products that the forms with a table add up: from then on every
   atom may be the best. Its further steps are taken in the residual form, which rounds the
   residual itself, by many such targets of a block together: rather than each of them scoring
   every atom in double at every step, while the others wait for it to end. */

/* Takes some of the targets that were set apart, from the first given. Returns how many steps
   they have behind them. */
OTX__PRIVATE uint64_t otx__apart_take(otx__pursuit *pursuit, size_t first)
{
    otx__screen *screen = &pursuit->screen, *apart = &pursuit->apart;
    uint64_t steps = 0;
    size_t i;
    apart->count = otx__min(apart->capacity, screen->apart_count - first);
    apart->watch = screen->watch;
    for (i = 0; i < apart->count; i++) {
        apart->supports[i] = screen->supports[screen->apart[first + i]];
        apart->supports[i].ended = false;
        steps += apart->supports[i].count;
    }
    return steps;
}

/* All further steps of the targets of a block that were set apart. */
OTX__PRIVATE otx_result otx__apart_run(otx__pursuit *pursuit, otx_error *error)
{
    otx__screen *screen = &pursuit->screen, *apart = &pursuit->apart;
    otx_result result = OTX_OK;
    size_t first, i;
    bool active;
    for (first = 0; first < screen->apart_count && !result; first += apart->count) {
        uint64_t done = screen->watch.done - otx__apart_take(pursuit, first);
        result = otx__screen_open_block(apart, error);
        while (!result) {
            apart->watch.done = done + otx__screen_steps(apart, &active);
            if (!active) break;
            result = otx__screen_scan_all(apart, error);
            if (!result) result = otx__screen_select(apart, error);
        }
        screen->watch.done = apart->watch.done;
        for (i = 0; i < apart->count; i++)
            screen->supports[screen->apart[first + i]] = apart->supports[i];
    }
    screen->apart_count = 0;
    return result;
}
