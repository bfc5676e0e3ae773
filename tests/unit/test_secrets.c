/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/secrets.h"
#include "control/sockets.h"
#include "shm/clock.h"
#include "shm/log.h"

enum { WORKERS = 2 };

static struct rp_control control;
static struct rp_settings settings = {.worker_count = WORKERS};
static int pair[WORKERS][2]; /* worker's end, control's end */
static int control_ends[WORKERS];
static struct rp_secrets *secrets;
static struct rp_diag diag;
static uint8_t message[sizeof(struct rp_secrets_message) + 2 * RP_CERT_BYTES_MAX];
static char directory[64];

static int open_all(void **state)
{
	(void)state;
	rp_log_init(RP_LOG_ERROR - 1, NULL);
	control = (struct rp_control){.settings = &settings,
				      .flags = {.secure_serving = true,
						.cert_path = "",
						.tls_min_version = "",
						.tls_cipher_suites = ""}};
	for (int i = 0; i < WORKERS; i++) {
		if (rp_socket_pair(pair[i]) != RP_OK)
			return 1;
		control_ends[i] = pair[i][1];
	}
	secrets = NULL;
	snprintf(directory, sizeof(directory), "/tmp/rp_sec_XXXXXX");
	return mkdtemp(directory) == NULL || rp_events_new(&control.loop) != RP_OK;
}

static int close_all(void **state)
{
	char command[128];

	(void)state;
	rp_secrets_free(secrets);
	rp_events_free(control.loop);
	for (int i = 0; i < WORKERS; i++) {
		close(pair[i][0]);
		close(pair[i][1]);
	}
	snprintf(command, sizeof(command), "rm -rf %s", directory);
	return system(command);
}

/* What worker i finds in its socket: the head, or NULL. */
static const struct rp_secrets_message *receive(int i)
{
	const struct rp_secrets_message *head = (const void *)message;
	ssize_t n = recv(pair[i][0], message, sizeof(message), MSG_DONTWAIT);

	if (n < 0)
		return NULL;
	assert_int_equal(n, sizeof(*head) + head->cert_bytes + head->key_bytes);
	return head;
}

static void turn(void)
{
	assert_int_equal(rp_events_turn(control.loop, 20 * RP_NS_PER_MS), RP_OK);
}

static void workers_get_the_same_material_at_start_and_on_hello(void **state)
{
	static const uint8_t hello = RP_SECRETS_HELLO;
	struct rp_secrets_message first;
	const struct rp_secrets_message *head;

	(void)state;
	assert_int_equal(rp_secrets_new(&control, control_ends, &secrets, &diag), RP_OK);
	head = receive(0);
	assert_non_null(head);
	first = *head;
	assert_true(first.cert_bytes != 0 && first.key_bytes != 0);
	assert_int_equal(first.tls_min_version, 0x0303);
	assert_true(rp_bytes_starts_with(rp_bytes(message + sizeof(first), first.cert_bytes),
					 RP_BYTES_LIT("-----BEGIN CERTIFICATE-----")));
	head = receive(1);
	assert_non_null(head);
	assert_memory_equal(head, &first, sizeof(first));
	assert_null(receive(0));

	assert_int_equal(send(pair[0][0], &hello, 1, 0), 1);
	assert_int_equal(send(pair[0][0], &hello, 1, 0), 1);
	turn();
	head = receive(0);
	assert_non_null(head);
	assert_memory_equal(head, &first, sizeof(first));
	assert_null(receive(0)); /* greetings at hand together are answered once */
	assert_null(receive(1));
}

static void without_tls_the_message_has_no_certificate(void **state)
{
	const struct rp_secrets_message *head;

	(void)state;
	control.flags.secure_serving = false;
	assert_int_equal(rp_secrets_new(&control, control_ends, &secrets, &diag), RP_OK);
	head = receive(0);
	assert_non_null(head);
	assert_int_equal(head->cert_bytes, 0);
	assert_int_equal(head->key_bytes, 0);
}

static void flags_reach_the_workers_and_bad_ones_are_refused(void **state)
{
	const struct rp_secrets_message *head;

	(void)state;
	control.flags.tls_cipher_suites = "TLS_BOGUS";
	assert_int_equal(rp_secrets_new(&control, control_ends, &secrets, &diag), RP_ECONFIG);
	assert_non_null(strstr(diag.message, "TLS_BOGUS"));
	control.flags.tls_min_version = "VersionTLS13";
	control.flags.tls_cipher_suites = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256";
	assert_int_equal(rp_secrets_new(&control, control_ends, &secrets, &diag), RP_OK);
	head = receive(0);
	assert_non_null(head);
	assert_int_equal(head->tls_min_version, 0x0304);
	assert_string_equal(head->cipher_list, "ECDHE-ECDSA-AES128-GCM-SHA256");
}

static void full_socket_gets_the_material_once_there_is_room(void **state)
{
	static const uint8_t filler[1000];
	int count = 0;

	(void)state;
	while (send(pair[0][1], filler, sizeof(filler), MSG_DONTWAIT) > 0)
		count++;
	assert_true(count > 0);
	assert_int_equal(rp_secrets_new(&control, control_ends, &secrets, &diag), RP_OK);
	assert_non_null(receive(1));
	for (; count > 0; count--)
		assert_true(recv(pair[0][0], message, sizeof(message), MSG_DONTWAIT) > 0);
	for (int i = 0; i < 20 && count == 0; i++) {
		turn();
		count = receive(0) != NULL;
	}
	assert_int_equal(count, 1);
}

static void write_pair(const struct rp_cert_pair *from)
{
	const uint8_t *data[] = {from->cert, from->key};
	const uint32_t bytes[] = {from->cert_bytes, from->key_bytes};
	static const char *const name[] = {"tls.crt", "tls.key"};

	for (int i = 0; i < 2; i++) {
		char path[128];
		FILE *file;

		snprintf(path, sizeof(path), "%s/%s", directory, name[i]);
		file = fopen(path, "wb");
		assert_non_null(file);
		assert_int_equal(fwrite(data[i], 1, bytes[i], file), bytes[i]);
		assert_int_equal(fclose(file), 0);
	}
}

static void changed_certificate_is_sent_once_it_is_whole(void **state)
{
	static struct rp_cert_pair made;
	const struct rp_secrets_message *head = NULL;
	int64_t until_ns;

	(void)state;
	assert_int_equal(rp_cert_pair_make(&made, &diag), RP_OK);
	write_pair(&made);
	control.flags.cert_path = directory;
	control.flags.enable_cert_reload = true;
	assert_int_equal(rp_secrets_new(&control, control_ends, &secrets, &diag), RP_OK);
	assert_non_null(receive(0));

	made.cert_bytes = 100; /* bad: the former one stays */
	write_pair(&made);
	until_ns = rp_clock_monotonic_ns() + 600 * RP_NS_PER_MS;
	while (rp_clock_monotonic_ns() < until_ns)
		turn();
	assert_null(receive(0));

	assert_int_equal(rp_cert_pair_make(&made, &diag), RP_OK);
	write_pair(&made);
	until_ns = rp_clock_monotonic_ns() + 5 * RP_NS_PER_S;
	while (head == NULL && rp_clock_monotonic_ns() < until_ns) {
		turn();
		head = receive(0);
	}
	if (head == NULL) {
		fail_msg("the new certificate was not sent");
		return;
	}
	assert_true(rp_bytes_equal(rp_bytes(message + sizeof(*head), head->cert_bytes),
				   rp_bytes(made.cert, made.cert_bytes)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(workers_get_the_same_material_at_start_and_on_hello,
						open_all, close_all),
		cmocka_unit_test_setup_teardown(without_tls_the_message_has_no_certificate,
						open_all, close_all),
		cmocka_unit_test_setup_teardown(flags_reach_the_workers_and_bad_ones_are_refused,
						open_all, close_all),
		cmocka_unit_test_setup_teardown(full_socket_gets_the_material_once_there_is_room,
						open_all, close_all),
		cmocka_unit_test_setup_teardown(changed_certificate_is_sent_once_it_is_whole,
						open_all, close_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
