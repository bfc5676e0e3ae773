/* SPDX-License-Identifier: Apache-2.0
 *
 * First byte: suite, and how the connection begins. Then steps of an OpenSSL client, of our side,
 * and of somebody between them: what we read is what the client wrote, up to the first byte that
 * was tampered with and nothing behind it; the client reads all that we wrote.
 */
#include "tests/fuzz/fuzz.h"
#include "tests/unit/tls_pair.h"

enum { IS_RESUMED = 1, IS_EARLY = 2, HAS_SHORT_FRAGMENTS = 4, HOWS = 8 };

enum step {
	STEP_CLIENT_WRITES,
	STEP_SERVER_WRITES,
	STEP_KEY_UPDATE,
	STEP_DELIVER,
	STEP_FLIP,
	STEP_DROP,
	STEP_REPEAT,
	STEP_INSERT,
	STEP_DROP_RECORD,
	STEP_REPEAT_RECORD,
	STEP_SWAP_RECORDS,
	STEP_CLOSE,
	STEPS,
};

enum {
	STEPS_MAX = 64,
	WIRE_BYTES_MAX = 1 << 20,
	WRITTEN_BYTES_MAX = 1 << 18,
	RECORDS_MAX = STEPS_MAX + 8,
	IDLE_RECORDS_MAX = 32, /* more in a row end the connection */
	SHORT_FRAGMENT_BYTES = 512,
};

static const struct suite {
	int version;
	const char *name;
} suites[] = {
	{TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256"},
	{TLS1_3_VERSION, "TLS_AES_256_GCM_SHA384"},
	{TLS1_3_VERSION, "TLS_CHACHA20_POLY1305_SHA256"},
	{TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256"},
	{TLS1_2_VERSION, "ECDHE-ECDSA-AES256-GCM-SHA384"},
	{TLS1_2_VERSION, "ECDHE-ECDSA-CHACHA20-POLY1305"},
	{TLS1_2_VERSION, "ECDHE-ECDSA-AES128-SHA256"},
};

static struct rp_tls_context *contexts[RP_ARRAY_LEN(suites)];
static SSL_SESSION *sessions[RP_ARRAY_LEN(suites)];
static uint8_t pattern[WRITTEN_BYTES_MAX];

/* Where a record that the client wrote ends. */
struct mark {
	size_t wire;  /* in what is under way */
	size_t plain; /* of all that the client wrote */
};

struct bed {
	struct tls_pair pair;
	const struct suite *suite;
	struct rp_bytes in;
	/* Under way to the server: as the client wrote it, and as it will come. */
	uint8_t *honest, *wire;
	size_t honest_bytes, wire_bytes;
	struct mark marks[RECORDS_MAX];
	size_t mark_count;
	size_t client_wrote, server_read, server_wrote, client_read;
	size_t wrote_until_close;
	size_t limit; /* what the server may read at most, once something was tampered with */
	uint32_t idle_records;
	bool has_short_fragments, is_up, is_tampered, is_closed, is_over, is_client_over;
};

static uint8_t next_u8(struct bed *bed)
{
	uint8_t byte = bed->in.len > 0 ? bed->in.ptr[0] : 0;

	bed->in = rp_bytes_slice(bed->in, 1, SIZE_MAX);
	return byte;
}

static size_t next_u16(struct bed *bed)
{
	size_t high = next_u8(bed);

	return high << 8 | next_u8(bed);
}

static void begin_process(void)
{
	if (contexts[0] != NULL)
		return;
	tls_pair_setup(NULL);
	for (size_t i = 0; i < sizeof(pattern); i++)
		pattern[i] = (uint8_t)((i * 2654435761u) >> 13);
	for (size_t i = 0; i < RP_ARRAY_LEN(suites); i++) {
		struct rp_secrets_message message = {.tls_min_version = TLS1_2_VERSION};
		const char *why = NULL;

		if (suites[i].version == TLS1_2_VERSION)
			RP_ASSERT(rp_bytes_to_str(rp_bytes_str(suites[i].name), message.cipher_list,
						  sizeof(message.cipher_list)));
		memset(message.ticket_key, 7, sizeof(message.ticket_key));
		RP_ASSERT(rp_tls_context_new(&message, cert, key, &contexts[i], &why) == RP_OK);
	}
}

/* What the client wrote goes under way. */
static void take_from_client(struct bed *bed, bool is_data)
{
	uint8_t *to = bed->honest + bed->honest_bytes;
	int n = BIO_read(bed->pair.from_client, to, (int)(WIRE_BYTES_MAX - bed->honest_bytes));

	if (n <= 0)
		return;
	RP_ASSERT(bed->wire_bytes + (size_t)n <= WIRE_BYTES_MAX);
	memcpy(bed->wire + bed->wire_bytes, to, (size_t)n);
	bed->honest_bytes += (size_t)n;
	bed->wire_bytes += (size_t)n;
	if (!is_data || bed->mark_count == RECORDS_MAX)
		return;
	bed->marks[bed->mark_count++] =
		(struct mark){.wire = bed->honest_bytes, .plain = bed->client_wrote};
}

static void client_writes(struct bed *bed, size_t n)
{
	if (bed->client_wrote + n > WRITTEN_BYTES_MAX || bed->is_client_over)
		return;
	RP_ASSERT(SSL_write(bed->pair.client, pattern + bed->client_wrote, (int)n) == (int)n);
	bed->client_wrote += n;
	bed->idle_records = 0;
	take_from_client(bed, true);
}

/* All that the server said so far. */
static void client_reads(struct bed *bed)
{
	uint8_t got[4096];
	int n;

	if (bed->is_client_over)
		return;
	tls_pair_deliver(&bed->pair);
	while ((n = SSL_read(bed->pair.client, got, sizeof(got))) > 0) {
		RP_ASSERT((size_t)n <= bed->server_wrote - bed->client_read);
		RP_ASSERT(memcmp(got, pattern + bed->client_read, (size_t)n) == 0);
		bed->client_read += (size_t)n;
	}
	RP_ASSERT(bed->client_read == bed->server_wrote);
	if (SSL_get_error(bed->pair.client, n) != SSL_ERROR_WANT_READ) {
		RP_ASSERT(bed->is_over); /* the alert */
		bed->is_client_over = true;
	}
	ERR_clear_error();
	take_from_client(bed, false);
}

static void server_reads(struct bed *bed, struct rp_bytes piece)
{
	/* Of its own size each, so that a sanitizer sees who reads or writes beyond, or too late.
	 */
	uint8_t *copy = malloc(piece.len), *out = malloc(RP_TLS_PLAIN_BYTES_MAX);
	int err = RP_OK;

	RP_ASSERT(copy != NULL && out != NULL);
	memcpy(copy, piece.ptr, piece.len);
	rp_tls_feed(bed->pair.server, rp_bytes(copy, piece.len));
	if (!bed->is_up) {
		err = rp_tls_handshake(bed->pair.server, &bed->pair.sink);
		bed->is_up = err == RP_OK;
	}
	while (err == RP_OK) {
		size_t n = 0;

		err = rp_tls_read(bed->pair.server, &bed->pair.sink, out, &n);
		if (err != RP_OK)
			break;
		RP_ASSERT(n > 0 && n <= RP_TLS_RECORD_BYTES && !bed->is_over);
		RP_ASSERT(n <= bed->limit - bed->server_read);
		RP_ASSERT(memcmp(out, pattern + bed->server_read, n) == 0);
		bed->server_read += n;
	}
	rp_tls_feed(bed->pair.server, rp_bytes(NULL, 0));
	RP_ASSERT(ERR_peek_error() == 0); /* it would be the next connection's */
	RP_ASSERT(err == RP_EAGAIN || err == RP_EPROTO || err == RP_ECLOSED);
	if (err == RP_EPROTO) {
		RP_ASSERT(bed->is_tampered);
		bed->is_over = true;
	}
	RP_ASSERT(err != RP_ECLOSED || bed->is_closed);
	free(copy);
	free(out);
}

/* The first byte that is not the client's limits what may be read. */
static void look_for_tampering(struct bed *bed)
{
	size_t at = 0, both = rp_min_size(bed->honest_bytes, bed->wire_bytes);
	size_t counts = bed->is_closed ? bed->wrote_until_close : bed->client_wrote;

	if (bed->is_tampered)
		return;
	while (at < both && bed->honest[at] == bed->wire[at])
		at++;
	if (at == bed->honest_bytes && at == bed->wire_bytes) {
		bed->limit = counts;
		return;
	}
	bed->is_tampered = true;
	for (size_t i = 0; i < bed->mark_count && bed->marks[i].wire <= at; i++)
		bed->limit = rp_min_size(bed->marks[i].plain, counts);
}

static void deliver(struct bed *bed, size_t cut)
{
	struct rp_bytes left = rp_bytes(bed->wire, bed->wire_bytes);

	look_for_tampering(bed);
	cut = cut > left.len / 1000 ? cut : left.len / 1000;
	while (left.len > 0) {
		struct rp_bytes piece = rp_bytes_slice(left, 0, cut > 0 ? cut : left.len);

		left = rp_bytes_slice(left, piece.len, left.len);
		server_reads(bed, piece);
	}
	bed->honest_bytes = 0;
	bed->wire_bytes = 0;
	bed->mark_count = 0;
	/* What came before the tampering has all been read. */
	RP_ASSERT(bed->server_read == bed->limit);
	client_reads(bed);
}

static void server_writes(struct bed *bed, size_t n)
{
	struct rp_bytes bytes = rp_bytes(pattern + bed->server_wrote, n);

	if (bed->server_wrote + n > WRITTEN_BYTES_MAX)
		return;
	int err = tls_pair_write(&bed->pair, bytes);

	RP_ASSERT(bed->is_over ? err == RP_EPROTO : err == RP_OK);
	RP_ASSERT(bed->has_short_fragments || bed->is_over ||
		  bed->pair.sink.used <= rp_tls_room_for(n));
	if (err == RP_OK)
		bed->server_wrote += n;
	client_reads(bed);
}

static void key_update(struct bed *bed, bool is_asking)
{
	if (bed->is_client_over || bed->suite->version != TLS1_3_VERSION ||
	    ++bed->idle_records > IDLE_RECORDS_MAX)
		return;
	RP_ASSERT(SSL_key_update(bed->pair.client, is_asking ? SSL_KEY_UPDATE_REQUESTED
							     : SSL_KEY_UPDATE_NOT_REQUESTED) == 1);
	RP_ASSERT(SSL_do_handshake(bed->pair.client) == 1);
	take_from_client(bed, true);
}

/* close_notify; then the client may go on all the same. */
static void client_closes(struct bed *bed)
{
	if (bed->is_client_over || bed->is_closed)
		return;
	(void)SSL_shutdown(bed->pair.client);
	SSL_set_shutdown(bed->pair.client, 0);
	bed->wrote_until_close = bed->client_wrote;
	bed->is_closed = true;
	take_from_client(bed, true);
}

/* ---- somebody between them ---- */

static void insert(struct bed *bed, size_t at, struct rp_bytes bytes)
{
	if (bed->wire_bytes + bytes.len > WIRE_BYTES_MAX / 2)
		return;
	memmove(bed->wire + at + bytes.len, bed->wire + at, bed->wire_bytes - at);
	memcpy(bed->wire + at, bytes.ptr, bytes.len);
	bed->wire_bytes += bytes.len;
}

static void drop(struct bed *bed, size_t at, size_t n)
{
	n = rp_min_size(n, bed->wire_bytes - at);
	memmove(bed->wire + at, bed->wire + at + n, bed->wire_bytes - at - n);
	bed->wire_bytes -= n;
}

static void repeat(struct bed *bed, size_t at, size_t n)
{
	static uint8_t again[WIRE_BYTES_MAX];

	n = rp_min_size(n, bed->wire_bytes - at);
	memcpy(again, bed->wire + at, n);
	insert(bed, at, rp_bytes(again, n));
}

static void tamper_with_bytes(struct bed *bed, enum step step)
{
	size_t at = next_u16(bed), n = next_u8(bed);

	at = bed->wire_bytes > 0 ? at % bed->wire_bytes : 0;
	if (step == STEP_FLIP && bed->wire_bytes > 0) {
		bed->wire[at] ^= (uint8_t)n;
	} else if (step == STEP_DROP) {
		drop(bed, at, n);
	} else if (step == STEP_REPEAT) {
		repeat(bed, at, n);
	} else if (step == STEP_INSERT) {
		struct rp_bytes bytes = rp_bytes_slice(bed->in, 0, n);

		bed->in = rp_bytes_slice(bed->in, bytes.len, SIZE_MAX);
		insert(bed, at, bytes);
	}
}

static void tamper_with_records(struct bed *bed, enum step step)
{
	size_t i = next_u8(bed);

	if (bed->mark_count == 0)
		return;
	i %= bed->mark_count;
	size_t from = i > 0 ? bed->marks[i - 1].wire : 0, to = bed->marks[i].wire;

	if (to > bed->wire_bytes)
		return;
	if (step == STEP_DROP_RECORD) {
		drop(bed, from, to - from);
	} else if (step == STEP_REPEAT_RECORD) {
		repeat(bed, from, to - from);
	} else if (i + 1 < bed->mark_count && bed->marks[i + 1].wire <= bed->wire_bytes) {
		size_t end = bed->marks[i + 1].wire;

		repeat(bed, from, end - from);
		drop(bed, from, to - from);
		drop(bed, from + (end - to) + (to - from), end - to);
	}
}

/* ---- */

static void run_step(struct bed *bed)
{
	enum step step = (enum step)(next_u8(bed) % STEPS);
	size_t plain_max = bed->has_short_fragments ? SHORT_FRAGMENT_BYTES : RP_TLS_RECORD_BYTES;

	switch (step) {
	case STEP_CLIENT_WRITES:
		client_writes(bed, next_u16(bed) % plain_max + 1);
		break;
	case STEP_SERVER_WRITES:
		server_writes(bed, next_u16(bed) + 1);
		break;
	case STEP_KEY_UPDATE:
		key_update(bed, (next_u8(bed) & 1) != 0);
		break;
	case STEP_DELIVER:
		deliver(bed, next_u8(bed));
		break;
	case STEP_CLOSE:
		client_closes(bed);
		break;
	case STEP_DROP_RECORD:
	case STEP_REPEAT_RECORD:
	case STEP_SWAP_RECORDS:
		tamper_with_records(bed, step);
		break;
	case STEP_FLIP:
	case STEP_DROP:
	case STEP_REPEAT:
	case STEP_INSERT:
	case STEPS:
		tamper_with_bytes(bed, step);
	}
}

/* With the client's first bytes right behind its Finished, if it is to be early. */
static void shake(struct bed *bed, size_t early_bytes)
{
	for (int round = 0; round < 10 && !bed->is_up; round++) {
		bool is_done = SSL_do_handshake(bed->pair.client) == 1;

		ERR_clear_error();
		take_from_client(bed, false);
		if (is_done && early_bytes > 0)
			client_writes(bed, early_bytes);
		if (is_done)
			early_bytes = 0;
		bed->limit = bed->client_wrote;
		struct rp_bytes sent = rp_bytes(bed->wire, bed->wire_bytes);

		if (sent.len > 0)
			server_reads(bed, sent);
		bed->honest_bytes = 0;
		bed->wire_bytes = 0;
		bed->mark_count = 0;
		tls_pair_deliver(&bed->pair);
	}
	RP_ASSERT(bed->is_up && SSL_do_handshake(bed->pair.client) == 1);
	RP_ASSERT(strcmp(SSL_get_cipher_name(bed->pair.client), bed->suite->name) == 0);
	client_reads(bed);
}

static void run(size_t suite, unsigned how, struct rp_bytes in)
{
	struct bed bed = {.suite = &suites[suite], .in = in};
	bool is_resumed = (how & IS_RESUMED) != 0 && sessions[suite] != NULL;
	/* OpenSSL marks a session whose connection ends without a close. */
	SSL_SESSION *session = is_resumed ? SSL_SESSION_dup(sessions[suite]) : NULL;

	bed.honest = malloc(WIRE_BYTES_MAX);
	bed.wire = malloc(WIRE_BYTES_MAX);
	RP_ASSERT(bed.honest != NULL && bed.wire != NULL);
	tls_pair_init(&bed.pair, contexts[suite], "\x02h2", suites[suite].version, session);
	SSL_SESSION_free(session);
	if (suites[suite].version == TLS1_3_VERSION)
		RP_ASSERT(SSL_set_ciphersuites(bed.pair.client, suites[suite].name) == 1);
	bed.has_short_fragments = (how & HAS_SHORT_FRAGMENTS) != 0 && !is_resumed;
	if (bed.has_short_fragments)
		RP_ASSERT(SSL_set_tlsext_max_fragment_length(bed.pair.client,
							     TLSEXT_max_fragment_length_512) == 1);
	shake(&bed, (how & IS_EARLY) != 0 ? 300 : 0);
	RP_ASSERT(SSL_session_reused(bed.pair.client) == (is_resumed ? 1 : 0));
	if (sessions[suite] == NULL && (how & HAS_SHORT_FRAGMENTS) == 0)
		sessions[suite] = SSL_SESSION_dup(SSL_get0_session(bed.pair.client));
	for (int i = 0; i < STEPS_MAX && bed.in.len > 0; i++)
		run_step(&bed);
	deliver(&bed, 0);
	rp_tls_close(bed.pair.server, &bed.pair.sink);
	bed.is_over = true;
	client_reads(&bed);
	RP_ASSERT(bed.is_client_over || bed.pair.sink.used == 0);
	tls_pair_fini(&bed.pair);
	free(bed.honest);
	free(bed.wire);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rp_bytes in = rp_bytes(data, size);
	uint8_t first = size > 0 ? data[0] : 0;
	size_t suite = first % RP_ARRAY_LEN(suites);
	unsigned how = first / RP_ARRAY_LEN(suites) % HOWS;

	begin_process();
	/* Something to resume, made without regard to what other inputs did before. */
	if ((how & IS_RESUMED) != 0 && sessions[suite] == NULL)
		run(suite, 0, rp_bytes(NULL, 0));
	run(suite, how, rp_bytes_slice(in, 1, SIZE_MAX));
	return 0;
}
