/* ---- digits: how a tokenizer cuts numbers ---------------------------------------- */

/* Which tokens there are for several digits tells it, for whatever a tokenizer was trained
   with (split_digits of SentencePiece among it) shows in its tokens; but that a
   pre-tokenizer may keep texts from ever becoming them. */

/* The digits of a token that is nothing else but for the space of a word's border; 0 if it
   is none, or a token that was added. */
OTX__PRIVATE size_t otx__number_digits(const otx_token *token)
{
    const char *bytes = token->bytes;
    size_t size = token->size, i;
    if (token->kind == OTX_TOKEN_BYTE) return size == 1 && otx__is_digit(*bytes);
    if (token->kind != OTX_TOKEN_TEXT || token->added) return 0;
    if (size > 1 && *bytes == ' ') bytes++, size--;
    else if (size > 1 && bytes[size - 1] == ' ') size--;
    for (i = 0; i < size; i++)
        if (!otx__is_digit(bytes[i])) return 0;
    return size;
}

/* ---- regular expressions ---- */

/* They are looked at as far as those of known tokenizers need: one of their branches takes
   digits and little else, and the others take none. */

#define OTX__ANY_DIGITS SIZE_MAX

/* Bytes of what a pattern begins with: an escape, a class, a group, or a character. */
OTX__PRIVATE size_t otx__regex_item(otx__span pattern)
{
    const char *at = pattern.bytes;
    size_t i, depth = 0;
    bool class_open = false;
    for (i = 0; i < pattern.size; i++) {
        if (at[i] == '\\') {
            i++;
            if (i + 1 < pattern.size && (at[i] == 'p' || at[i] == 'P') && at[i + 1] == '{')
                while (i + 1 < pattern.size && at[i] != '}') i++;
        } else if (class_open) {
            class_open = at[i] != ']';
        } else if (at[i] == '[') {
            class_open = true;
        } else if (at[i] == '(') {
            depth++;
        } else if (at[i] == ')' && depth > 0) {
            depth--;
        }
        if (depth == 0 && !class_open) break;
    }
    return otx__min(i + 1, pattern.size);
}

/* How often at most the item before is taken, and whether it may be left out; steps over what
   says so. For Oniguruma {2,3}+ is what may come again, and {2}? what may be left out. */
OTX__PRIVATE size_t otx__regex_times(otx__span *rest, bool oniguruma, bool *optional)
{
    const char first = rest->size > 0 ? *rest->bytes : 0;
    uint64_t said;
    size_t most = 1, size = first == '?' || first == '*' || first == '+', from = 1;
    const bool interval = first == '{';
    if (first == '{') {
        while (size < rest->size && rest->bytes[size] != '}') {
            if (rest->bytes[size++] == ',') from = size;
        }
        if (otx__parse_uint(otx__span_of(rest->bytes + from, size - from), &said) &&
            said < 1000)
            most = (size_t)said;
        else most = OTX__ANY_DIGITS; /* {2,} */
        size = otx__min(size + 1, rest->size);
    } else if (size > 0 && first != '?') {
        most = OTX__ANY_DIGITS;
    }
    *optional = first == '?' || first == '*';
    if (size > 0 && size < rest->size && (rest->bytes[size] == '?' || rest->bytes[size] == '+')) {
        if (interval && oniguruma && rest->bytes[size] == '+') most = OTX__ANY_DIGITS;
        else if (interval && oniguruma && from == 1) *optional = true;
        size++; /* lazy, possessive */
    }
    rest->bytes += size;
    rest->size -= size;
    return most;
}

/* Whether an item takes a digit and nothing but numbers. */
OTX__PRIVATE bool otx__regex_is_digit(otx__span item)
{
    static const char *const spellings[] = {"\\p{N}", "\\p{Nd}", "\\d", "[0-9]", "[\\p{N}]",
                                            "[\\d]"};
    size_t i;
    for (i = 0; i < OTX__COUNT(spellings); i++)
        if (otx__span_is(item, spellings[i])) return true;
    return false;
}

/* Whether any other item may take a digit, as far as can be seen. */
OTX__PRIVATE bool otx__regex_may_take_digit(otx__span item)
{
    static const char *const names[] = {"\\p{N", "\\d", "\\w", "\\S", "\\P", "\\D", "0-9"};
    bool negated = item.size > 1 && item.bytes[0] == '[' && item.bytes[1] == '^', named = false;
    size_t i;
    for (i = 0; i < OTX__COUNT(names); i++)
        named = named || otx__span_contains(item, names[i]);
    if (*item.bytes == '.' || otx__is_digit(*item.bytes)) return true;
    if (*item.bytes == '(') return named || otx__span_contains(item, "[^");
    return negated ? !named : named;
}

/* Whether an item looks ahead or back, and takes nothing. */
OTX__PRIVATE bool otx__regex_looks(otx__span item)
{
    return item.size > 2 && item.bytes[0] == '(' && item.bytes[1] == '?' &&
           (item.bytes[2] == '=' || item.bytes[2] == '!' ||
            (item.bytes[2] == '<' && item.size > 3 &&
             (item.bytes[3] == '=' || item.bytes[3] == '!')));
}

/* The most digits that one match of a pattern takes, where it takes every digit, whatever
   stands around it; else OTX__ANY_DIGITS. */
OTX__PRIVATE size_t otx__regex_digits(otx__span pattern, bool oniguruma)
{
    size_t most = 0, branch = 0;
    bool bound = false; /* to something else: digits may be without it */
    while (pattern.size > 0) {
        otx__span item = otx__span_of(pattern.bytes, otx__regex_item(pattern));
        bool optional, digit = otx__regex_is_digit(item);
        size_t times;
        pattern.bytes += item.size;
        pattern.size -= item.size;
        if (otx__span_is(item, "|")) {
            if (branch > 0 && bound) return OTX__ANY_DIGITS;
            most = otx__max(most, branch);
            branch = 0;
            bound = false;
            continue;
        }
        times = otx__regex_times(&pattern, oniguruma, &optional);
        if (otx__regex_looks(item)) bound = true;
        else if (digit ? branch > 0 : otx__regex_may_take_digit(item)) return OTX__ANY_DIGITS;
        else if (digit) branch = times;
        else bound = bound || !optional;
    }
    most = otx__max(most, branch);
    return most == 0 || (branch > 0 && bound) ? OTX__ANY_DIGITS : most;
}

/* ---- pre-tokenizers ---- */

/* The same for a pattern that stands in the reader's file. */
OTX__PRIVATE otx_result otx__pattern_digits(otx__tokenizer *t, uint32_t node, size_t *most)
{
    size_t size = 0;
    otx_result result = OTX_OK;
    *most = OTX__ANY_DIGITS;
    if (otx_json_type_of(&t->json, node) != OTX_JSON_STRING) return OTX_OK;
    result = otx__tokenizer_string(t, &t->json, node, &size);
    if (!result) *most = otx__regex_digits(otx__span_of(t->scratch, size), t->reader->complete);
    return result;
}

/* The most digits that one step of tokenizer.json's pre-tokenizer leaves together. */
OTX__PRIVATE otx_result otx__step_digits(otx__tokenizer *t, uint32_t step, size_t *most)
{
    const otx_json *json = &t->json;
    const uint32_t pattern = otx_json_find(json, step, "pattern");
    *most = OTX__ANY_DIGITS;
    if (otx_json_equals(json, otx_json_find(json, step, "type"), "Digits")) {
        if (otx_json_type_of(json, otx_json_find(json, step, "individual_digits")) ==
            OTX_JSON_TRUE)
            *most = 1;
        return OTX_OK;
    }
    if (!otx_json_equals(json, otx_json_find(json, step, "behavior"), "Isolated"))
        return OTX_OK; /* else matches may be joined to what stands beside them */
    return otx__pattern_digits(t, otx_json_find(json, pattern, "Regex"), most);
}

/* Sets the most digits that one token of a text has. */
OTX__PRIVATE otx_result otx__find_digits(otx__tokenizer *t)
{
    static const char *const types[] = {"Digits", "Split"};
    const otx_json *json = &t->json;
    const uint32_t part = otx_json_find(json, 0, "pre_tokenizer");
    const uint32_t pattern = otx_json_find(json, otx_json_find(json, 0, "config"), "pattern");
    size_t *digits = &t->vocab->digits, most, i;
    otx_result result;
    uint32_t step;
    for (i = 0; i < t->vocab->count; i++)
        *digits = otx__max(*digits, otx__number_digits(&t->vocab->tokens[i]));
    result = otx__pattern_digits(t, pattern, &most); /* of tekken.json */
    *digits = otx__min(*digits, most);
    for (i = 0; i < OTX__COUNT(types) && !result; i++)
        for (step = otx__find_step(json, part, OTX_JSON_NONE, types[i]);
             step != OTX_JSON_NONE && !result; step = otx__find_step(json, part, step, types[i])) {
            result = otx__step_digits(t, step, &most);
            *digits = otx__min(*digits, most);
        }
    return result;
}
