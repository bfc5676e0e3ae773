/* SPDX-License-Identifier: Apache-2.0
 *
 * A conversation, a message a line; the first byte of a line says which. Nothing of it is left
 * behind, however it goes on or ends.
 *
 *   H E   request headers, E with end_of_stream: "name: value" with tabs between
 *   R Q   response headers, likewise
 *   B C   request body, C with end_of_stream        D F   response body
 *   T U   request, response trailers                N     neither
 *   P     two digits: body modes of the next message
 *   O     the next message is only observed         S     subset hint of the next message
 *   L     a second goes by                          A     options (first line)
 *   X     raw bytes of the gRPC stream              M     bytes of a whole message
 *   K     half-close                                Z     reset
 *   V     a digit: the stream that lines are for    G     a digit: reload with that configuration
 *   W     a digit, bits: endpoints that go away     J     a turn of a millisecond
 *   Y     a byte: so many KiB are left for what is parsed and found out
 */
#include "dataplane/ext_proc_fields.h"
#include "dataplane/pb_wire.h"
#include "shm/clock.h"
#include "tests/fuzz/h2_bed.h"
#include "tests/fuzz/plugin_configs.h"

enum { MESSAGE_BYTES = 1 << 16, PREFIX_BYTES = 5, STREAMS = 4 };

struct talk {
	struct h2_bed *bed;
	struct world_options options;
	uint32_t opened; /* streams, a bit each */
};

/* What lines before the message said about it. */
struct extras {
	bool is_observed;
	struct rp_bytes modes; /* digits */
	struct rp_bytes subset;
};

static void write_header_map(struct rp_writer *w, struct rp_bytes text)
{
	size_t map = rp_pb_write_begin(w, RP_PB_HEADERS_HEADERS);

	while (text.len > 0) {
		size_t end = rp_min_size(rp_bytes_find(text, RP_BYTES_LIT("\t")), text.len);
		struct rp_bytes field = rp_bytes_slice(text, 0, end);
		size_t colon = rp_min_size(rp_bytes_find(field, RP_BYTES_LIT(": ")), field.len);
		size_t entry = rp_pb_write_begin(w, RP_PB_HEADER_MAP_HEADERS);

		rp_pb_write_bytes(w, RP_PB_HEADER_KEY, rp_bytes_slice(field, 0, colon));
		rp_pb_write_bytes(w, RP_PB_HEADER_RAW_VALUE,
				  rp_bytes_slice(field, colon + 2, SIZE_MAX));
		rp_pb_write_end(w, entry);
		text = rp_bytes_slice(text, end + 1, SIZE_MAX);
	}
	rp_pb_write_end(w, map);
}

static void write_subset(struct rp_writer *w, struct rp_bytes text)
{
	size_t context = rp_pb_write_begin(w, RP_PB_REQUEST_METADATA_CONTEXT);
	size_t space = rp_pb_write_begin(w, RP_PB_METADATA_FILTER_METADATA), of, entry, value;

	rp_pb_write_bytes(w, RP_PB_ENTRY_KEY, RP_BYTES_LIT("envoy.lb.subset_hint"));
	of = rp_pb_write_begin(w, RP_PB_ENTRY_VALUE);
	entry = rp_pb_write_begin(w, RP_PB_STRUCT_FIELDS);
	rp_pb_write_bytes(w, RP_PB_ENTRY_KEY,
			  RP_BYTES_LIT("x-gateway-destination-endpoint-subset"));
	value = rp_pb_write_begin(w, RP_PB_ENTRY_VALUE);
	rp_pb_write_bytes(w, RP_PB_VALUE_STRING, text);
	rp_pb_write_end(w, value);
	rp_pb_write_end(w, entry);
	rp_pb_write_end(w, of);
	rp_pb_write_end(w, space);
	rp_pb_write_end(w, context);
}

static void write_extras(struct rp_writer *w, const struct extras *extras)
{
	size_t config;

	if (extras->is_observed)
		rp_pb_write_uint(w, RP_PB_REQUEST_OBSERVABILITY_MODE, 1);
	if (extras->subset.len > 0)
		write_subset(w, extras->subset);
	if (extras->modes.len < 2)
		return;
	config = rp_pb_write_begin(w, RP_PB_REQUEST_PROTOCOL_CONFIG);
	rp_pb_write_uint(w, RP_PB_PROTOCOL_REQUEST_BODY_MODE, extras->modes.ptr[0] & 7);
	rp_pb_write_uint(w, RP_PB_PROTOCOL_RESPONSE_BODY_MODE, extras->modes.ptr[1] & 7);
	rp_pb_write_end(w, config);
}

/* @return field number of the oneof; 0: the line is no message */
static uint32_t kind_of(uint8_t c)
{
	static const struct {
		char line;
		uint32_t kind;
	} kinds[] = {
		{'H', RP_PB_REQUEST_REQUEST_HEADERS},  {'E', RP_PB_REQUEST_REQUEST_HEADERS},
		{'R', RP_PB_REQUEST_RESPONSE_HEADERS}, {'Q', RP_PB_REQUEST_RESPONSE_HEADERS},
		{'B', RP_PB_REQUEST_REQUEST_BODY},     {'C', RP_PB_REQUEST_REQUEST_BODY},
		{'D', RP_PB_REQUEST_RESPONSE_BODY},    {'F', RP_PB_REQUEST_RESPONSE_BODY},
		{'T', RP_PB_REQUEST_REQUEST_TRAILERS}, {'U', RP_PB_REQUEST_RESPONSE_TRAILERS},
	};

	for (size_t i = 0; i < RP_ARRAY_LEN(kinds); i++) {
		if (kinds[i].line == (char)c)
			return kinds[i].kind;
	}
	return 0;
}

static void write_message(struct rp_writer *w, uint8_t c, struct rp_bytes text)
{
	uint32_t kind = kind_of(c);
	bool is_end = c == 'E' || c == 'Q' || c == 'C' || c == 'F';
	size_t part;

	if (kind == 0)
		return;
	part = rp_pb_write_begin(w, kind);
	if (kind == RP_PB_REQUEST_REQUEST_BODY || kind == RP_PB_REQUEST_RESPONSE_BODY) {
		rp_pb_write_bytes(w, RP_PB_BODY_BODY, text);
		rp_pb_write_uint(w, RP_PB_BODY_END_OF_STREAM, is_end);
	} else {
		write_header_map(w, text);
		if (is_end)
			rp_pb_write_uint(w, RP_PB_HEADERS_END_OF_STREAM, 1);
	}
	rp_pb_write_end(w, part);
}

static void send_message(struct h2_bed *bed, struct rp_bytes message)
{
	uint8_t prefix[PREFIX_BYTES];
	struct rp_writer w = rp_writer(prefix, sizeof(prefix));

	rp_write_u8(&w, 0);
	rp_write_be32(&w, (uint32_t)message.len);
	h2_bed_data(bed, rp_writer_bytes(&w), false);
	if (message.len > 0)
		h2_bed_data(bed, message, false);
}

static uint32_t digit_of(struct rp_bytes text, uint32_t below)
{
	return text.len > 0 ? text.ptr[0] % below : 0;
}

static void use_stream(struct talk *talk, uint32_t i)
{
	if ((talk->opened >> i & 1) != 0) {
		talk->bed->stream = (uint8_t)(2 * i + 1);
		return;
	}
	/* New streams have higher ids than old ones. */
	talk->opened |= (2u << i) - 1;
	h2_bed_call(talk->bed, (uint8_t)(2 * i + 1));
}

static void publish(struct talk *talk)
{
	world_republish(&talk->bed->world, &talk->options);
	h2_bed_turn(talk->bed, RP_NS_PER_MS);
	world_spoil(&talk->bed->world);
}

/* @return false: nothing more may be sent */
static bool run_line(struct talk *talk, struct rp_bytes line, struct extras *extras)
{
	struct h2_bed *bed = talk->bed;
	static uint8_t message[MESSAGE_BYTES];
	uint8_t reset[] = {0, 0, 4, 3, 0, 0, 0, 0, bed->stream, 0, 0, 0, 8};
	struct rp_writer w = rp_writer(message, sizeof(message));
	struct rp_bytes rest = rp_bytes_slice(line, 1, SIZE_MAX);

	switch (line.ptr[0]) {
	case 'P':
		extras->modes = rest;
		return true;
	case 'O':
		extras->is_observed = true;
		return true;
	case 'S':
		extras->subset = rest;
		return true;
	case 'L':
		h2_bed_turn(bed, RP_NS_PER_S);
		return true;
	case 'X':
		h2_bed_data(bed, rest, false);
		return true;
	case 'M':
		send_message(bed, rest);
		return true;
	case 'K':
		h2_bed_data(bed, rp_bytes(NULL, 0), true);
		return talk->options.config != NULL;
	case 'Z':
		h2_bed_feed(bed, rp_bytes(reset, sizeof(reset)));
		return talk->options.config != NULL;
	case 'V':
		use_stream(talk, digit_of(rest, STREAMS));
		return true;
	case 'G':
		talk->options.config = plugin_config(digit_of(rest, PLUGIN_CONFIGS));
		publish(talk);
		return true;
	case 'W':
		talk->options.left_out = digit_of(rest, 1 << WORLD_ENDPOINTS);
		publish(talk);
		return true;
	case 'Y':
		bed->world.env.arenas.bytes_max =
			bed->world.env.arenas.bytes_total + 1024 * digit_of(rest, 256);
		return true;
	case 'J':
		h2_bed_turn(bed, RP_NS_PER_MS);
		return true;
	default:
		break;
	}
	if (kind_of(line.ptr[0]) == 0 && line.ptr[0] != 'N')
		return true;
	write_message(&w, line.ptr[0], rest);
	write_extras(&w, extras);
	*extras = (struct extras){0};
	if (w.err == RP_OK)
		send_message(bed, rp_writer_bytes(&w));
	return true;
}

/* "A" and flags: e header echo, b small bodies, m little memory, n no endpoints, o no fallback, k
 * answers are skipped, r rules, d a detector, a digit: that configuration. */
static void read_options(struct rp_bytes line, struct world_options *options)
{
	world_options_default(options);
	options->settings.body_bytes_max = 4096;
	if (line.len == 0 || line.ptr[0] != 'A')
		return;
	options->settings.has_header_echo = memchr(line.ptr, 'e', line.len) != NULL;
	options->is_empty = memchr(line.ptr, 'n', line.len) != NULL;
	options->has_openai_only = memchr(line.ptr, 'o', line.len) != NULL;
	options->is_response_skipped = memchr(line.ptr, 'k', line.len) != NULL;
	options->has_detector = memchr(line.ptr, 'd', line.len) != NULL;
	if (memchr(line.ptr, 'r', line.len) != NULL)
		options->rules = world_some_rules();
	for (uint32_t i = 0; i < PLUGIN_CONFIGS; i++) {
		if (memchr(line.ptr, (int)('0' + i), line.len) != NULL)
			options->config = plugin_config(i);
	}
	if (memchr(line.ptr, 'b', line.len) != NULL)
		options->settings.body_bytes_max = 40;
	if (memchr(line.ptr, 'm', line.len) != NULL)
		options->settings.body_memory_bytes = 3000;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rp_bytes in = rp_bytes(data, size), line;
	struct fuzz_cuts cuts = fuzz_cuts(in);
	struct talk talk = {.opened = 1};
	struct extras extras = {0};
	bool goes_on = true;

	line = in;
	read_options(fuzz_line(&line), &talk.options);
	talk.bed = h2_bed_begin(&talk.options, false);
	h2_bed_open(talk.bed, true);
	while (in.len > 0 && goes_on) {
		line = fuzz_line(&in);
		if (line.len > 0)
			goes_on = run_line(&talk, line, &extras);
		if (fuzz_below(&cuts, 2) == 0)
			h2_bed_turn(talk.bed, RP_NS_PER_MS);
	}
	h2_bed_end(talk.bed);
	return 0;
}
