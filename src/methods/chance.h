/* ---- chance: normal deviates that are the same everywhere ---------------------------- */

/* A deviate is a function of seed, target and column, so that windows and threads do not
   matter; by operations that every machine rounds alike, so no log or cos of a library. */

/* The scrambler of SplitMix64 (Steele, Lea and Flood 2014). */
OTX__PRIVATE uint64_t otx__scramble(uint64_t x)
{
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

/* Above 0 and below 1. */
OTX__PRIVATE double otx__unit_interval(uint64_t x)
{
    return ((double)(x >> 12) + 0.5) * 2.220446049250313080847e-16; /* 2^-52 */
}

/* log x for x from 2^-53 to 1: 2 artanh((m - 1) / (m + 1)) of the fraction m. */
OTX__PRIVATE double otx__logarithm(double x)
{
    int exponent, i;
    double m = frexp(x, &exponent), s, square, sum = 0.0;
    if (m < 0.70710678118654752440) m *= 2.0, exponent--;
    s = (m - 1.0) / (m + 1.0);
    square = s * s;
    for (i = 23; i > 0; i -= 2) sum = sum * square + 1.0 / (double)i;
    return (double)exponent * 0.69314718055994530942 + 2.0 * s * sum;
}

/* cos and sin of 2 pi x for x from 0 to 1: series on an eighth of the circle. */
OTX__PRIVATE void otx__circle(double x, double *cosine, double *sine)
{
    double quarter = floor(4.0 * x + 0.5), angle, square, c = 1.0, s = 1.0;
    int turn = (int)quarter & 3, i;
    angle = (x - 0.25 * quarter) * 6.28318530717958647693;
    square = angle * angle;
    for (i = 18; i > 0; i -= 2) {
        c = 1.0 - square * c / (double)(i * (i - 1));
        s = 1.0 - square * s / (double)(i * (i + 1));
    }
    s *= angle;
    *cosine = turn == 0 ? c : turn == 1 ? -s : turn == 2 ? -c : s;
    *sine = turn == 0 ? s : turn == 1 ? c : turn == 2 ? -s : -c;
}

/* The seed for a matrix: an output head has deviates of its own, as a token's row there would
   otherwise be drawn to the same token's in the embedding. */
OTX__PRIVATE uint64_t otx__seed_for(const otx_method_options *options, bool head)
{
    return head ? otx__scramble(options->seed + UINT64_C(0x9e3779b97f4a7c15)) : options->seed;
}

/* Those of columns 2 pair and 2 pair + 1 (Box and Muller 1958). */
OTX__PRIVATE void otx__deviates(uint64_t seed, uint64_t target, uint64_t pair, double two[2])
{
    const uint64_t step = UINT64_C(0x9e3779b97f4a7c15);
    uint64_t x = otx__scramble(seed + step * (target + 1));
    double radius, cosine, sine;
    x = otx__scramble(x + step * (2 * pair + 1));
    radius = sqrt(-2.0 * otx__logarithm(otx__unit_interval(x)));
    otx__circle(otx__unit_interval(otx__scramble(x + step)), &cosine, &sine);
    two[0] = radius * cosine;
    two[1] = radius * sine;
}
