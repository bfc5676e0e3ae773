/* SPDX-License-Identifier: Apache-2.0
 *
 * Our side against an OpenSSL client in the same process; bytes pass in pieces of any size.
 */
#include "tests/unit/tls_pair.h"

static void h2_is_negotiated_whatever_the_cut(void **state)
{
	static const size_t cuts[] = {1, 5, 100, 65536};
	static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
	struct rp_tls_context *context = tls_pair_context(TLS1_2_VERSION);

	(void)state;
	for (size_t i = 0; i < RP_ARRAY_LEN(cuts) * 2; i++) {
		struct tls_pair p;
		const uint8_t *name = NULL;
		unsigned n = 0;

		tls_pair_init(&p, context, "\x08http/1.1\x02h2", versions[i % 2], NULL);
		assert_int_equal(tls_pair_shake(&p, cuts[i / 2]), RP_OK);
		SSL_get0_alpn_selected(p.client, &name, &n);
		assert_int_equal(n, 2);
		assert_memory_equal(name, "h2", 2);
		assert_int_equal(SSL_version(p.client), versions[i % 2]);
		tls_pair_fini(&p);
	}
	rp_tls_context_free(context);
}

static void without_h2_the_handshake_fails_with_an_alert(void **state)
{
	static const char *const offers[] = {NULL, "\x08http/1.1", "\x02h3", "\x03h2c"};
	struct rp_tls_context *context = tls_pair_context(TLS1_2_VERSION);

	(void)state;
	for (size_t i = 0; i < RP_ARRAY_LEN(offers); i++) {
		struct tls_pair p;

		tls_pair_init(&p, context, offers[i], TLS1_3_VERSION, NULL);
		assert_int_equal(tls_pair_shake(&p, 65536), RP_EPROTO);
		assert_true(SSL_do_handshake(p.client) <= 0);
		assert_int_equal(ERR_GET_REASON(ERR_peek_last_error()),
				 SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL);
		/* Dead is dead. */
		assert_int_equal(rp_tls_handshake(p.server, &p.sink), RP_EPROTO);
		tls_pair_fini(&p);
	}
	rp_tls_context_free(context);
}

static void versions_below_the_least_are_refused(void **state)
{
	struct rp_tls_context *context = tls_pair_context(TLS1_3_VERSION);
	struct tls_pair p;

	(void)state;
	tls_pair_init(&p, context, "\x02h2", TLS1_2_VERSION, NULL);
	assert_int_equal(tls_pair_shake(&p, 65536), RP_EPROTO);
	tls_pair_fini(&p);
	rp_tls_context_free(context);
}

static void plain_text_and_garbage_fail(void **state)
{
	static const char *const inputs[] = {
		"GET / HTTP/1.1\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"\x16\x03\x01\x00\x02\x01\xff", "\xff\xff\xff\xff\xff\xff\xff"};
	struct rp_tls_context *context = tls_pair_context(TLS1_2_VERSION);

	(void)state;
	for (size_t i = 0; i < RP_ARRAY_LEN(inputs); i++) {
		struct tls_pair p;
		int err = RP_EAGAIN;

		tls_pair_init(&p, context, NULL, TLS1_3_VERSION, NULL);
		rp_tls_feed(p.server, rp_bytes_str(inputs[i]));
		err = rp_tls_handshake(p.server, &p.sink);
		assert_true(err == RP_EPROTO || err == RP_EAGAIN);
		tls_pair_fini(&p);
	}
	rp_tls_context_free(context);
}

static void bytes_pass_both_ways_and_the_end_is_told(void **state)
{
	struct rp_tls_context *context = tls_pair_context(TLS1_2_VERSION);
	uint8_t *data = malloc(200000);
	uint8_t *got = malloc(200000);
	uint8_t *wire = malloc(SINK_BYTES);
	struct tls_pair p;

	(void)state;
	for (size_t i = 0; i < 200000; i++)
		data[i] = (uint8_t)(i * 31 >> 3);
	tls_pair_init(&p, context, "\x02h2", TLS1_3_VERSION, NULL);
	assert_int_equal(tls_pair_shake(&p, 65536), RP_OK);

	assert_int_equal(tls_pair_write(&p, rp_bytes(data, 200000)), RP_OK);
	assert_true(p.sink.used <= rp_tls_room_for(200000));
	assert_true(p.sink.used > 200000);
	tls_pair_deliver(&p);
	size_t at = 0;

	while (at < 200000) {
		int n = SSL_read(p.client, got + at, (int)(200000 - at));

		assert_true(n > 0);
		at += (size_t)n;
	}
	assert_memory_equal(got, data, 200000);

	assert_int_equal(SSL_write(p.client, data, 100000), 100000);
	(void)SSL_shutdown(p.client);
	int n = BIO_read(p.from_client, wire, SINK_BYTES);
	int err = RP_EAGAIN;

	at = 0;
	for (int i = 0; i < n && err == RP_EAGAIN; i += 777) {
		rp_tls_feed(p.server, rp_bytes(wire + i, rp_min_size(777, (size_t)(n - i))));
		do {
			size_t taken = 0;

			err = rp_tls_read(p.server, &p.sink, got + at, &taken);
			at += taken;
		} while (err == RP_OK);
	}
	assert_int_equal(err, RP_ECLOSED);
	assert_int_equal(at, 100000);
	assert_memory_equal(got, data, 100000);
	rp_tls_close(p.server, &p.sink);
	assert_true(p.sink.used > 0);
	tls_pair_fini(&p);
	rp_tls_context_free(context);
	free(data);
	free(got);
	free(wire);
}

static void a_ticket_of_one_worker_resumes_at_another(void **state)
{
	static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

	(void)state;
	for (size_t i = 0; i < RP_ARRAY_LEN(versions); i++) {
		struct rp_tls_context *one = tls_pair_context(TLS1_2_VERSION);
		struct rp_tls_context *two = tls_pair_context(TLS1_2_VERSION);
		struct tls_pair p;
		struct tls_pair q;
		uint8_t byte = 0;

		tls_pair_init(&p, one, "\x02h2", versions[i], NULL);
		assert_int_equal(tls_pair_shake(&p, 65536), RP_OK);
		assert_int_equal(tls_pair_write(&p, RP_BYTES_LIT("x")), RP_OK);
		tls_pair_deliver(&p);
		assert_int_equal(SSL_read(p.client, &byte, 1), 1);
		SSL_SESSION *session = SSL_get1_session(p.client);

		tls_pair_init(&q, two, "\x02h2", versions[i], session);
		assert_int_equal(tls_pair_shake(&q, 65536), RP_OK);
		assert_int_equal(SSL_session_reused(q.client), 1);
		SSL_SESSION_free(session);
		tls_pair_fini(&p);
		tls_pair_fini(&q);
		rp_tls_context_free(one);
		rp_tls_context_free(two);
	}
}

static void a_context_outlives_its_owner_for_its_connections(void **state)
{
	struct rp_tls_context *context = tls_pair_context(TLS1_2_VERSION);
	struct tls_pair p;

	(void)state;
	tls_pair_init(&p, context, "\x02h2", TLS1_3_VERSION, NULL);
	rp_tls_context_free(context);
	assert_int_equal(tls_pair_shake(&p, 65536), RP_OK);
	tls_pair_fini(&p);
}

static void unusable_material_is_refused_with_a_reason(void **state)
{
	struct rp_secrets_message message = {.tls_min_version = TLS1_2_VERSION};
	struct rp_tls_context *context = NULL;
	const char *why = "";

	(void)state;
	assert_int_equal(rp_tls_context_new(&message, cert, other_key, &context, &why), RP_EFORMAT);
	assert_string_not_equal(why, "");
	assert_int_equal(rp_tls_context_new(&message, RP_BYTES_LIT("no PEM"), key, &context, &why),
			 RP_EFORMAT);
	assert_int_equal(
		rp_tls_context_new(&message, cert, rp_bytes_slice(key, 0, 60), &context, &why),
		RP_EFORMAT);
	message.tls_min_version = 0x0301;
	assert_int_equal(rp_tls_context_new(&message, cert, key, &context, &why), RP_EFORMAT);
	message.tls_min_version = TLS1_2_VERSION;
	memcpy(message.cipher_list, "NO-SUCH-CIPHER", 15);
	assert_int_equal(rp_tls_context_new(&message, cert, key, &context, &why), RP_EFORMAT);
	memset(message.cipher_list, 'A', sizeof(message.cipher_list));
	assert_int_equal(rp_tls_context_new(&message, cert, key, &context, &why), RP_EFORMAT);
	assert_null(context);
}

static void warming_up_leaves_no_error_behind(void **state)
{
	(void)state;
	rp_tls_warm_up();
	assert_int_equal(ERR_peek_error(), 0);
	struct rp_secrets_message message = {.tls_min_version = TLS1_2_VERSION};
	struct rp_tls_context *context = NULL;
	const char *why = "";

	assert_int_equal(rp_tls_context_new(&message, cert, key, &context, &why), RP_OK);
	rp_tls_context_free(context);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(h2_is_negotiated_whatever_the_cut),
		cmocka_unit_test(without_h2_the_handshake_fails_with_an_alert),
		cmocka_unit_test(versions_below_the_least_are_refused),
		cmocka_unit_test(plain_text_and_garbage_fail),
		cmocka_unit_test(bytes_pass_both_ways_and_the_end_is_told),
		cmocka_unit_test(a_ticket_of_one_worker_resumes_at_another),
		cmocka_unit_test(a_context_outlives_its_owner_for_its_connections),
		cmocka_unit_test(unusable_material_is_refused_with_a_reason),
		cmocka_unit_test(warming_up_leaves_no_error_behind),
	};

	rp_tls_init_memory();
	return cmocka_run_group_tests(tests, tls_pair_setup, NULL);
}
