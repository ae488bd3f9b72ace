/* ---- vocab.json and merges.txt: BPE as GPT-2 and its kin have it ---------------- */

/* Merges make no tokens, but a file of others is not this vocabulary's. */
OTX__PRIVATE otx_result otx__check_merges_text(otx__tokenizer *t)
{
    const otx_vocab_text vocab = t->text;
    const char *line = NULL;
    size_t size = 0;
    uint64_t number = 0;
    bool good = true;
    t->text = t->texts[OTX_VOCAB_MERGES];
    t->offset = 0;
    while (good && otx__next_line(t, &line, &size)) {
        number++;
        good = size == 0 || otx__is_merge_line(line, size);
    }
    t->text = vocab;
    if (good) return OTX_OK;
    return otx__fail(t->error, OTX_ERROR_FORMAT, "%s: line %" PRIu64 " of merges.txt is not "
                     "\"a b\"", t->name, number);
}

/* Tells the family from the tokens, as nothing else does: by U+0120, the space of the
   GPT-2 alphabet, or by the mark of SentencePiece, or by </w>. */
OTX__PRIVATE otx_result otx__guess_spelling(otx__tokenizer *t)
{
    static const struct {
        const char *mark;
        otx_family family;
    } marks[] = {
        {"\xc4\xa0", OTX_FAMILY_BYTE_LEVEL},
        {"\xe2\x96\x81", OTX_FAMILY_METASPACE},
        {"</w>", OTX_FAMILY_WORD_SUFFIX},
    };
    bool seen[OTX__COUNT(marks)] = {false, false, false}, more = true;
    otx__given word;
    size_t i;
    memset(&word, 0, sizeof word);
    otx__rewind_words(t);
    for (;;) {
        otx_result result = otx__next_member(t, &word, &more);
        if (result) return result;
        if (!more) break;
        for (i = 0; i < OTX__COUNT(marks); i++) {
            const size_t size = strlen(marks[i].mark);
            const bool suffix = marks[i].family == OTX_FAMILY_WORD_SUFFIX;
            if (word.size >= size && memcmp(word.content + (suffix ? word.size - size : 0),
                                            marks[i].mark, size) == 0)
                seen[i] = true;
        }
    }
    for (i = 0; i < OTX__COUNT(marks) && !seen[i]; i++) {}
    if (i == OTX__COUNT(marks)) return OTX_OK;
    t->spelling.family = marks[i].family;
    if (marks[i].family == OTX_FAMILY_BYTE_LEVEL) return OTX_OK;
    t->spelling.mark_size = strlen(marks[i].mark);
    memcpy(t->spelling.mark, marks[i].mark, t->spelling.mark_size);
    return OTX_OK;
}

OTX__PRIVATE otx_result otx__vocab_json_open(otx__tokenizer *t)
{
    otx_result result = otx__open_own(t);
    if (result) return result;
    if (!t->texts[OTX_VOCAB_MERGES].bytes)
        return otx__fail(t->error, OTX_ERROR_NOT_FOUND, "%s: there is no merges.txt with it",
                         t->name);
    t->words = 0; /* the root */
    t->type = "BPE";
    t->repeat = OTX__REPEAT_REPLACES;
    result = otx__check_merges_text(t);
    return result ? result : otx__guess_spelling(t);
}

/* The special tokens of RoBERTa's classes, or else of GPT-2's, where they are tokens. */
OTX__PRIVATE otx_result otx__vocab_json_roles(otx__tokenizer *t)
{
    if (otx__find_text(t, "<s>") >= 0 && otx__find_text(t, "</s>") >= 0 &&
        otx__find_text(t, "<pad>") >= 0 && otx__find_text(t, "<unk>") >= 0)
        otx__fall_back_on(t, otx__roles_roberta, OTX__COUNT(otx__roles_roberta));
    else
        otx__fall_back_on(t, otx__roles_gpt2, OTX__COUNT(otx__roles_gpt2));
    return OTX_OK;
}
