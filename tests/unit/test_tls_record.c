/* SPDX-License-Identifier: Apache-2.0
 *
 * Records behind the handshake, against an OpenSSL client: every suite, every cut, changes of keys,
 * and a peer that breaks the rules.
 */
#include "dataplane/tls_record.h"
#include "tests/unit/tls_pair.h"

enum { DATA_BYTES = 100000 };

static const struct suite {
	int version;
	const char *name;
	bool is_ours;
} suites[] = {
	{TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256", true},
	{TLS1_3_VERSION, "TLS_AES_256_GCM_SHA384", true},
	{TLS1_3_VERSION, "TLS_CHACHA20_POLY1305_SHA256", true},
	{TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256", true},
	{TLS1_2_VERSION, "ECDHE-ECDSA-AES256-GCM-SHA384", true},
	{TLS1_2_VERSION, "ECDHE-ECDSA-CHACHA20-POLY1305", true},
	{TLS1_2_VERSION, "ECDHE-ECDSA-AES128-SHA256", false},
};

static uint8_t data[DATA_BYTES], got[DATA_BYTES + RP_TLS_PLAIN_BYTES_MAX], wire[SINK_BYTES];

static struct rp_tls_context *context_for(const struct suite *suite)
{
	struct rp_secrets_message message = {.tls_min_version = TLS1_2_VERSION};
	struct rp_tls_context *context = NULL;
	const char *why = NULL;

	if (suite->version == TLS1_2_VERSION)
		assert_true(rp_bytes_to_str(rp_bytes_str(suite->name), message.cipher_list,
					    sizeof(message.cipher_list)));
	assert_int_equal(rp_tls_context_new(&message, cert, key, &context, &why), RP_OK);
	return context;
}

/* An established pair that speaks this suite. */
static void open_pair(struct tls_pair *p, const struct suite *suite)
{
	struct rp_tls_context *context = context_for(suite);

	tls_pair_init(p, context, "\x02h2", suite->version, NULL);
	if (suite->version == TLS1_3_VERSION)
		assert_int_equal(SSL_set_ciphersuites(p->client, suite->name), 1);
	assert_int_equal(tls_pair_shake(p, 65536), RP_OK);
	assert_string_equal(SSL_get_cipher_name(p->client), suite->name);
	rp_tls_context_free(context);
}

/* Everything the client has written, to the server in pieces of `cut`. */
static int feed(struct tls_pair *p, size_t cut, size_t *ret_got)
{
	int n = BIO_read(p->from_client, wire, SINK_BYTES), err = RP_EAGAIN;

	*ret_got = 0;
	for (size_t at = 0; n > 0 && at < (size_t)n && err == RP_EAGAIN; at += cut) {
		rp_tls_feed(p->server, rp_bytes(wire + at, rp_min_size(cut, (size_t)n - at)));
		do {
			size_t taken = 0;

			assert_true(*ret_got <= DATA_BYTES);
			err = rp_tls_read(p->server, &p->sink, got + *ret_got, &taken);
			*ret_got += taken;
		} while (err == RP_OK);
	}
	return err;
}

static void client_gets(struct tls_pair *p, size_t wanted)
{
	size_t at = 0;

	tls_pair_deliver(p);
	while (at < wanted) {
		int n = SSL_read(p->client, got + at, (int)(wanted - at));

		assert_true(n > 0);
		at += (size_t)n;
	}
	assert_memory_equal(got, data, wanted);
}

static void exchange(struct tls_pair *p, size_t bytes, size_t cut)
{
	size_t n = 0;

	if (bytes > 0)
		assert_int_equal(SSL_write(p->client, data, (int)bytes), (int)bytes);
	assert_int_equal(feed(p, cut, &n), RP_EAGAIN);
	assert_int_equal(n, bytes);
	assert_memory_equal(got, data, bytes);
	assert_int_equal(tls_pair_write(p, rp_bytes(data, bytes)), RP_OK);
	assert_true(p->sink.used <= rp_tls_room_for(bytes));
	client_gets(p, bytes);
}

static void every_suite_passes_bytes_both_ways_at_every_cut(void **state)
{
	static const size_t cuts[] = {1, 4, 5, 6, 21, 22, 777, 16384, 16406, SINK_BYTES};
	static const size_t sizes[] = {1, 2, 15, 16, 17, 100, 16383, 16384, 16385, DATA_BYTES};

	(void)state;
	for (size_t s = 0; s < RP_ARRAY_LEN(suites); s++) {
		struct tls_pair p;

		open_pair(&p, &suites[s]);
		for (size_t i = 0; i < RP_ARRAY_LEN(cuts); i++) {
			for (size_t j = 0; j < RP_ARRAY_LEN(sizes); j++)
				exchange(&p, sizes[j], cuts[i]);
		}
		tls_pair_fini(&p);
	}
}

static void a_record_is_opened_whatever_offset_it_is_cut_at(void **state)
{
	struct tls_pair p;
	size_t n = 0;

	(void)state;
	open_pair(&p, &suites[0]);
	for (size_t cut = 1; cut < 140; cut++) {
		/* Two records, so that the cut falls into the second one too. */
		assert_int_equal(SSL_write(p.client, data, 40), 40);
		assert_int_equal(SSL_write(p.client, data + 40, 40), 40);
		assert_int_equal(feed(&p, cut, &n), RP_EAGAIN);
		assert_int_equal(n, 80);
		assert_memory_equal(got, data, 80);
	}
	tls_pair_fini(&p);
}

static void bytes_that_come_with_the_finished_are_read(void **state)
{
	(void)state;
	for (size_t s = 0; s < RP_ARRAY_LEN(suites); s++) {
		if (suites[s].version != TLS1_3_VERSION)
			continue;
		struct rp_tls_context *context = context_for(&suites[s]);
		struct tls_pair p;
		size_t n = 0;

		tls_pair_init(&p, context, "\x02h2", TLS1_3_VERSION, NULL);
		(void)SSL_do_handshake(p.client);
		int len = BIO_read(p.from_client, wire, SINK_BYTES);

		rp_tls_feed(p.server, rp_bytes(wire, (size_t)len));
		assert_int_equal(rp_tls_handshake(p.server, &p.sink), RP_EAGAIN);
		tls_pair_deliver(&p);
		/* The client is done, and sends at once. */
		assert_int_equal(SSL_do_handshake(p.client), 1);
		assert_int_equal(SSL_write(p.client, data, 500), 500);
		len = BIO_read(p.from_client, wire, SINK_BYTES);
		rp_tls_feed(p.server, rp_bytes(wire, (size_t)len));
		assert_int_equal(rp_tls_handshake(p.server, &p.sink), RP_OK);
		assert_int_equal(rp_tls_read(p.server, &p.sink, got, &n), RP_OK);
		assert_int_equal(n, 500);
		assert_memory_equal(got, data, 500);
		exchange(&p, 1000, SINK_BYTES);
		tls_pair_fini(&p);
		rp_tls_context_free(context);
	}
}

static void keys_change_when_the_client_asks_for_it(void **state)
{
	static const int kinds[] = {SSL_KEY_UPDATE_NOT_REQUESTED, SSL_KEY_UPDATE_REQUESTED};

	(void)state;
	for (size_t s = 0; s < 3; s++) {
		struct tls_pair p;

		open_pair(&p, &suites[s]);
		for (size_t round = 0; round < 40; round++) {
			assert_int_equal(SSL_key_update(p.client, kinds[round % 2]), 1);
			exchange(&p, 300, round % 7 + 1);
		}
		tls_pair_fini(&p);
	}
}

static void a_flood_of_key_changes_ends_the_connection(void **state)
{
	struct tls_pair p;
	size_t n = 0;
	int err = RP_EAGAIN;

	(void)state;
	open_pair(&p, &suites[0]);
	for (int round = 0; round < 100 && err == RP_EAGAIN; round++) {
		assert_int_equal(SSL_key_update(p.client, SSL_KEY_UPDATE_REQUESTED), 1);
		assert_int_equal(SSL_do_handshake(p.client), 1);
		err = feed(&p, SINK_BYTES, &n);
	}
	assert_int_equal(err, RP_EPROTO);
	tls_pair_fini(&p);
}

static void a_changed_byte_anywhere_is_noticed(void **state)
{
	(void)state;
	for (size_t s = 0; s < RP_ARRAY_LEN(suites); s++) {
		for (size_t at = 0; at < 90; at += 3) {
			struct tls_pair p;
			size_t n = 0;
			uint8_t byte = 0;

			open_pair(&p, &suites[s]);
			assert_int_equal(SSL_write(p.client, data, 60), 60);
			int len = BIO_read(p.from_client, wire, SINK_BYTES);

			wire[at % (size_t)len] ^= 0x10;
			/* What lacks at the end, should the length have grown. */
			memset(wire + len, 0, RP_TLS_PLAIN_BYTES_MAX);
			rp_tls_feed(p.server, rp_bytes(wire, (size_t)len + RP_TLS_PLAIN_BYTES_MAX));
			assert_int_equal(rp_tls_read(p.server, &p.sink, got, &n), RP_EPROTO);
			/* Dead is dead, and nothing more is sent. */
			assert_int_equal(rp_tls_read(p.server, &p.sink, got, &n), RP_EPROTO);
			assert_int_equal(tls_pair_write(&p, RP_BYTES_LIT("x")), RP_EPROTO);
			if (suites[s].is_ours) {
				assert_true(p.sink.used > 0); /* the alert */
				tls_pair_deliver(&p);
				int got_n = SSL_read(p.client, &byte, 1);

				assert_int_equal(SSL_get_error(p.client, got_n), SSL_ERROR_SSL);
				ERR_clear_error();
			}
			tls_pair_fini(&p);
		}
	}
}

static void a_record_that_is_replayed_is_refused(void **state)
{
	(void)state;
	for (size_t s = 0; s < RP_ARRAY_LEN(suites); s++) {
		struct tls_pair p;
		size_t n = 0;

		open_pair(&p, &suites[s]);
		assert_int_equal(SSL_write(p.client, data, 60), 60);
		int len = BIO_read(p.from_client, wire, SINK_BYTES);

		memcpy(wire + len, wire, (size_t)len);
		rp_tls_feed(p.server, rp_bytes(wire, 2 * (size_t)len));
		assert_int_equal(rp_tls_read(p.server, &p.sink, got, &n), RP_OK);
		assert_int_equal(n, 60);
		assert_int_equal(rp_tls_read(p.server, &p.sink, got, &n), RP_EPROTO);
		tls_pair_fini(&p);
	}
}

static void records_larger_than_the_standard_are_refused(void **state)
{
	static const uint8_t heads[][5] = {
		{23, 3, 3, 0x41, 0x01}, /* 2^14 + 257 */
		{23, 3, 3, 0xff, 0xff},
		{22, 3, 3, 0xff, 0xff},
	};

	(void)state;
	for (size_t s = 0; s < RP_ARRAY_LEN(suites); s++) {
		for (size_t i = 0; i < RP_ARRAY_LEN(heads) && suites[s].is_ours; i++) {
			struct tls_pair p;
			size_t n = 0;

			open_pair(&p, &suites[s]);
			rp_tls_feed(p.server, rp_bytes(heads[i], 3));
			assert_int_equal(rp_tls_read(p.server, &p.sink, got, &n), RP_EAGAIN);
			rp_tls_feed(p.server, rp_bytes(heads[i] + 3, 2));
			assert_int_equal(rp_tls_read(p.server, &p.sink, got, &n), RP_EPROTO);
			tls_pair_fini(&p);
		}
	}
}

static void records_of_other_types_and_renegotiation_are_refused(void **state)
{
	static const uint8_t change_cipher_spec[] = {20, 3, 3, 0, 1, 1};
	struct tls_pair p;
	size_t n = 0;

	(void)state;
	open_pair(&p, &suites[0]);
	rp_tls_feed(p.server, rp_bytes(change_cipher_spec, sizeof(change_cipher_spec)));
	assert_int_equal(rp_tls_read(p.server, &p.sink, got, &n), RP_EPROTO);
	tls_pair_fini(&p);

	open_pair(&p, &suites[3]);
	assert_int_equal(SSL_renegotiate(p.client), 1);
	(void)SSL_do_handshake(p.client);
	assert_int_equal(feed(&p, SINK_BYTES, &n), RP_EPROTO);
	tls_pair_deliver(&p);
	assert_true(SSL_do_handshake(p.client) <= 0);
	assert_int_equal(ERR_GET_REASON(ERR_peek_last_error()),
			 SSL_AD_REASON_OFFSET + SSL_AD_NO_RENEGOTIATION);
	tls_pair_fini(&p);
}

static void the_end_is_told_both_ways(void **state)
{
	(void)state;
	for (size_t s = 0; s < RP_ARRAY_LEN(suites); s++) {
		struct tls_pair p;
		size_t n = 0;
		uint8_t byte = 0;

		open_pair(&p, &suites[s]);
		(void)SSL_shutdown(p.client);
		assert_int_equal(feed(&p, 1, &n), RP_ECLOSED);
		rp_tls_close(p.server, &p.sink);
		tls_pair_deliver(&p);
		assert_int_equal(SSL_read(p.client, &byte, 1), 0);
		assert_int_equal(SSL_get_error(p.client, 0), SSL_ERROR_ZERO_RETURN);
		tls_pair_fini(&p);
	}
}

static void what_follows_the_end_is_ignored(void **state)
{
	(void)state;
	for (size_t s = 0; s < RP_ARRAY_LEN(suites); s++) {
		struct tls_pair p;
		size_t n = 0;

		open_pair(&p, &suites[s]);
		(void)SSL_shutdown(p.client);
		assert_int_equal(feed(&p, SINK_BYTES, &n), RP_ECLOSED);
		SSL_set_shutdown(p.client, 0);
		assert_int_equal(SSL_write(p.client, data, 60), 60);
		assert_int_equal(feed(&p, SINK_BYTES, &n), RP_ECLOSED);
		assert_int_equal(n, 0);
		assert_int_equal(tls_pair_write(&p, rp_bytes(data, 100)), RP_OK);
		client_gets(&p, 100);
		tls_pair_fini(&p);
	}
}

static void a_client_that_asks_for_short_records_gets_them(void **state)
{
	(void)state;
	for (size_t s = 0; s < RP_ARRAY_LEN(suites); s++) {
		struct rp_tls_context *context = context_for(&suites[s]);
		struct tls_pair p;

		tls_pair_init(&p, context, "\x02h2", suites[s].version, NULL);
		assert_int_equal(SSL_set_tlsext_max_fragment_length(p.client,
								    TLSEXT_max_fragment_length_512),
				 1);
		assert_int_equal(tls_pair_shake(&p, 65536), RP_OK);
		assert_int_equal(SSL_write(p.client, data, 5000), 5000);
		size_t n = 0;

		assert_int_equal(feed(&p, 777, &n), RP_EAGAIN);
		assert_int_equal(n, 5000);
		assert_int_equal(tls_pair_write(&p, rp_bytes(data, 5000)), RP_OK);
		client_gets(&p, 5000);
		tls_pair_fini(&p);
		rp_tls_context_free(context);
	}
}

/* Nonces that begin anywhere else could come twice. */
static void records_are_not_taken_over_unless_the_finished_was_the_last(void **state)
{
	static const uint8_t finished[] = {22, 3, 3, 0, 40};
	struct rp_tls_start start = {.sent_records = 0};
	struct rp_tls_record *record = NULL;
	struct tls_pair p;

	(void)state;
	open_pair(&p, &suites[3]);
	assert_int_not_equal(rp_tls_record_new(p.client, &start, &record), RP_OK);
	memcpy(start.last_out, finished, sizeof(finished));
	start.sent_records = 1;
	assert_int_not_equal(rp_tls_record_new(p.client, &start, &record), RP_OK);
	start.sent_records = 0;
	assert_int_equal(rp_tls_record_new(p.client, &start, &record), RP_OK);
	rp_tls_record_free(record);
	tls_pair_fini(&p);
}

static void a_sink_without_room_is_an_error_and_nothing_is_written_over(void **state)
{
	(void)state;
	for (size_t room = 0; room < 60; room++) {
		struct tls_pair p;

		open_pair(&p, &suites[0]);
		p.sink.bytes = room;
		p.sink.used = 0;
		memset(sink_data, 0xa5, 100);
		int err = tls_pair_write(&p, rp_bytes(data, 30));

		assert_int_equal(err, room >= 30 + 22 ? RP_OK : RP_EPROTO);
		assert_true(p.sink.used <= room);
		for (size_t i = room; i < 100; i++)
			assert_int_equal(sink_data[i], 0xa5);
		tls_pair_fini(&p);
	}
}

static int setup(void **state)
{
	for (size_t i = 0; i < DATA_BYTES; i++)
		data[i] = (uint8_t)(i * 31 >> 3);
	return tls_pair_setup(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_suite_passes_bytes_both_ways_at_every_cut),
		cmocka_unit_test(a_record_is_opened_whatever_offset_it_is_cut_at),
		cmocka_unit_test(bytes_that_come_with_the_finished_are_read),
		cmocka_unit_test(keys_change_when_the_client_asks_for_it),
		cmocka_unit_test(a_flood_of_key_changes_ends_the_connection),
		cmocka_unit_test(a_changed_byte_anywhere_is_noticed),
		cmocka_unit_test(a_record_that_is_replayed_is_refused),
		cmocka_unit_test(records_larger_than_the_standard_are_refused),
		cmocka_unit_test(records_of_other_types_and_renegotiation_are_refused),
		cmocka_unit_test(the_end_is_told_both_ways),
		cmocka_unit_test(what_follows_the_end_is_ignored),
		cmocka_unit_test(a_client_that_asks_for_short_records_gets_them),
		cmocka_unit_test(records_are_not_taken_over_unless_the_finished_was_the_last),
		cmocka_unit_test(a_sink_without_room_is_an_error_and_nothing_is_written_over),
	};

	rp_tls_init_memory();
	return cmocka_run_group_tests(tests, setup, NULL);
}
