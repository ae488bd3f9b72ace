# Makes of the header of the layer "files" one that Frama-C takes: messages are any text that
# fits, and where a position in a text decides what can be read, states are kept apart by it.
# Fails where the header is no longer what this expects.
BEGIN {
    print "#include \"__fc_builtin.h\""
    split("expected escape scan_string scan_number scan_word", names, " ")
    for (i in names) wanted["otx__json_" names[i]] = 1
}
/^\/\* >>> src\// { away = 0 }
/^\/\* >>> src\/base\/format.h/ {
    away = 1
    print "#define PRIu64 \"lu\"\n#define PRIu32 \"u\"\n#include \"eva_format.h\""
    hits++
}
away { next }
/^OTX_[_A-Z]* / { f = $0; sub(/\(.*/, "", f); sub(/.*[ *]/, "", f) }
/^#define OTX__MESSAGE / { print "#define OTX__MESSAGE 768"; hits++; next }
f == "otx__message" && /^{/ {
    print "{\n    (void)format;\n    (void)arguments;\n    eva_text(to, OTX__MESSAGE);\n}"
    cut = 1
    hits++
}
cut { if (/^}/) cut = 0; next }
f == "otx__json_scan_string" && /length = otx__utf8_length/ { print "/*@ split at; */ ;"; hits++ }
f == "otx__json_scan_number" && /if \(\(exponent / { print "/*@ split p->at; */ ;"; hits++ }
{ print }
f == "otx__json_scan_string" && /^    for \(;;\) {/ { print "/*@ split at; */ ;"; hits++ }
/^{/ && wanted[f] { print "/*@ split p->at; */ ;"; delete wanted[f]; hits++ }
END {
    if (hits != 11) { print "eva.awk: " hits " places, not 11" > "/dev/stderr"; exit 1 }
}
