/* ---- protobuf: the wire format, field by field -------------------------------- */

/* Where a message is being read. Nothing is read from `end` on. */
typedef struct otx__proto {
    const unsigned char *at, *end;
} otx__proto;

typedef enum otx__wire {
    OTX__WIRE_VARINT, OTX__WIRE_64, OTX__WIRE_BYTES, OTX__WIRE_GROUP, OTX__WIRE_GROUP_END,
    OTX__WIRE_32
} otx__wire;

/* One field: `value` of a varint, `bytes` of a string or message. */
typedef struct otx__field {
    uint32_t number;
    otx__wire wire;
    uint64_t value;
    otx__proto bytes;
} otx__field;

/* Groups in groups, as deep as protobuf itself allows. */
#define OTX__PROTO_DEPTH 100

OTX__PRIVATE otx__proto otx__proto_open(const char *bytes, size_t size)
{
    otx__proto proto;
    proto.at = (const unsigned char *)bytes;
    proto.end = proto.at + size;
    return proto;
}

OTX__PRIVATE size_t otx__proto_left(const otx__proto *proto)
{
    return (size_t)(proto->end - proto->at);
}

/* These return what is wrong, or NULL. */

OTX__PRIVATE const char *otx__proto_varint(otx__proto *proto, uint64_t *value)
{
    unsigned shift;
    *value = 0;
    for (shift = 0; shift < 70; shift += 7) {
        unsigned byte;
        if (proto->at == proto->end) return "a number is cut off";
        byte = *proto->at++;
        if (shift == 63 && byte > 1) break;
        *value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) return NULL;
    }
    return "a number has more than 64 bits";
}

/* The start of a field: its number and how it is written. */
OTX__PRIVATE const char *otx__proto_tag(otx__proto *proto, otx__field *field)
{
    uint64_t tag;
    const char *problem = otx__proto_varint(proto, &tag);
    if (problem) return problem;
    if (tag > UINT32_MAX || tag >> 3 == 0) return "a field has no valid number";
    if ((tag & 7) > OTX__WIRE_32) return "a field is of no known wire type";
    field->number = (uint32_t)(tag >> 3);
    field->wire = (otx__wire)(tag & 7);
    return NULL;
}

/* What follows the start, but of a group. */
OTX__PRIVATE const char *otx__proto_body(otx__proto *proto, otx__field *field)
{
    uint64_t size = field->wire == OTX__WIRE_64 ? 8 : 4;
    const char *problem;
    if (field->wire == OTX__WIRE_VARINT) return otx__proto_varint(proto, &field->value);
    if (field->wire == OTX__WIRE_BYTES) {
        problem = otx__proto_varint(proto, &size);
        if (problem) return problem;
    }
    if (size > otx__proto_left(proto)) return "a field is longer than what holds it";
    field->bytes.at = proto->at;
    proto->at += (size_t)size;
    field->bytes.end = proto->at;
    return NULL;
}

/* Steps over a group, whose start has been read. */
OTX__PRIVATE const char *otx__proto_group(otx__proto *proto, uint32_t number)
{
    uint32_t open[OTX__PROTO_DEPTH];
    size_t depth = 0;
    otx__field field;
    memset(&field, 0, sizeof field);
    open[depth++] = number;
    while (depth > 0) {
        const char *problem = otx__proto_tag(proto, &field);
        if (problem) return problem;
        if (field.wire == OTX__WIRE_GROUP) {
            if (depth == OTX__PROTO_DEPTH) return "groups are nested too deep";
            open[depth++] = field.number;
        } else if (field.wire == OTX__WIRE_GROUP_END) {
            if (open[--depth] != field.number) return "a group ends that is not open";
        } else {
            problem = otx__proto_body(proto, &field);
            if (problem) return problem;
        }
    }
    return NULL;
}

/* The next field; a group is stepped over. At the end, *more is false. */
OTX__PRIVATE const char *otx__proto_next(otx__proto *proto, otx__field *field, bool *more)
{
    const char *problem;
    memset(field, 0, sizeof *field);
    *more = proto->at != proto->end;
    if (!*more) return NULL;
    problem = otx__proto_tag(proto, field);
    if (problem) return problem;
    if (field->wire == OTX__WIRE_GROUP_END) return "a group ends that is not open";
    if (field->wire == OTX__WIRE_GROUP) return otx__proto_group(proto, field->number);
    return otx__proto_body(proto, field);
}
