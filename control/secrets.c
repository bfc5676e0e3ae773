/* SPDX-License-Identifier: Apache-2.0 */
#include "control/secrets.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "config/tls_ciphers.h"
#include "control/file_watch.h"
#include "shm/clock.h"
#include "shm/log.h"

#define LOGGER "secrets"

enum { RELOAD_QUIET_MS = 250, RETRY_MS = 50, TLS_1_2 = 0x0303, TLS_1_3 = 0x0304 };

struct worker_link {
	struct rp_secrets *secrets;
	struct rp_events_watch watch;
	bool is_due; /* material waits for room in the socket */
};

struct rp_secrets {
	struct rp_control *control;
	struct rp_cert_pair pair;
	struct rp_cert_pair fresh; /* what a reload reads into */
	struct rp_secrets_message head;
	struct rp_file_watch files;
	struct rp_events_timer retry;
	uint32_t worker_count;
	struct worker_link worker[RP_WORKERS_MAX];
};

static bool send_to(struct rp_secrets *s, struct worker_link *link)
{
	struct iovec part[3] = {
		{&s->head, sizeof(s->head)},
		{s->pair.cert, s->head.cert_bytes},
		{s->pair.key, s->head.key_bytes},
	};
	struct msghdr message = {.msg_iov = part, .msg_iovlen = RP_ARRAY_LEN(part)};
	ssize_t n;

	do
		n = sendmsg(link->watch.fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	link->is_due = n < 0 && (errno == EAGAIN || errno == ENOBUFS);
	if (n < 0 && !link->is_due)
		RP_LOG(RP_LOG_ERROR, LOGGER, "Cannot send TLS material to a worker",
		       RP_F_INT("worker", link - s->worker),
		       RP_F_TEXT("error", rp_err_text(-errno)));
	return !link->is_due;
}

static void send_due(struct rp_secrets *s)
{
	bool is_done = true;

	for (uint32_t i = 0; i < s->worker_count; i++) {
		if (s->worker[i].is_due && !send_to(s, &s->worker[i]))
			is_done = false;
	}
	if (!is_done)
		rp_events_timer_set(s->control->loop, &s->retry,
				    rp_events_now_ns(s->control->loop) + RETRY_MS * RP_NS_PER_MS);
}

static void on_retry(struct rp_events_timer *timer)
{
	send_due(timer->user);
}

/* A worker started. Several greetings, of workers that died young, are one. */
static void on_worker(struct rp_events_watch *watch, uint32_t events RP_UNUSED)
{
	struct worker_link *link = watch->user;
	uint8_t byte;
	ssize_t n;

	while ((n = recv(watch->fd, &byte, sizeof(byte), MSG_DONTWAIT)) > 0) {
		if (byte == RP_SECRETS_HELLO)
			link->is_due = true;
	}
	if (n == 0) {
		/* The supervisor holds the other end as long as it lives. */
		rp_events_unwatch(link->secrets->control->loop, watch);
		return;
	}
	send_due(link->secrets);
}

static void send_to_all(struct rp_secrets *s)
{
	for (uint32_t i = 0; i < s->worker_count; i++)
		s->worker[i].is_due = true;
	send_due(s);
}

static void on_files_changed(void *user)
{
	struct rp_secrets *s = user;
	struct rp_diag diag = {0};

	if (rp_cert_pair_load(s->control->flags.cert_path, &s->fresh, &diag) != RP_OK) {
		RP_LOG(RP_LOG_ERROR, LOGGER,
		       "The certificate cannot be reloaded: the former one stays in use",
		       RP_F_TEXT("error", diag.message));
		return;
	}
	s->pair = s->fresh;
	s->head.cert_bytes = s->pair.cert_bytes;
	s->head.key_bytes = s->pair.key_bytes;
	send_to_all(s);
	RP_LOG(RP_V0, LOGGER, "Certificate reloaded",
	       RP_F_TEXT("certPath", s->control->flags.cert_path));
}

static int make_material(struct rp_secrets *s, struct rp_diag *reterr)
{
	const struct rp_flags *flags = &s->control->flags;
	int err = RP_OK;

	if (!flags->secure_serving)
		return RP_OK; /* a head without certificate: serve in the clear */
	if (RAND_bytes(s->head.ticket_key, sizeof(s->head.ticket_key)) != 1)
		return rp_diag_set(reterr, RP_EUNSUPPORTED, 0, 0, "no random numbers");
	s->head.tls_min_version =
		strcmp(flags->tls_min_version, "VersionTLS13") == 0 ? TLS_1_3 : TLS_1_2;
	err = rp_tls_ciphers_map(rp_bytes_str(flags->tls_cipher_suites), s->head.cipher_list,
				 sizeof(s->head.cipher_list), reterr);
	if (err != RP_OK)
		return err;
	if (flags->cert_path[0] == '\0')
		err = rp_cert_pair_make(&s->pair, reterr);
	else
		err = rp_cert_pair_load(flags->cert_path, &s->pair, reterr);
	if (err != RP_OK)
		return err;
	s->head.cert_bytes = s->pair.cert_bytes;
	s->head.key_bytes = s->pair.key_bytes;
	return RP_OK;
}

/* Before the first read of the files, so that no change in between is lost. */
static int watch_files(struct rp_secrets *s)
{
	const struct rp_flags *flags = &s->control->flags;
	char path[2][1024];
	const char *paths[2] = {path[0], path[1]};

	if (!flags->secure_serving || flags->cert_path[0] == '\0' || !flags->enable_cert_reload)
		return RP_OK;
	snprintf(path[0], sizeof(path[0]), "%s/tls.crt", flags->cert_path);
	snprintf(path[1], sizeof(path[1]), "%s/tls.key", flags->cert_path);
	return rp_file_watch_start(&s->files, s->control->loop, paths, 2,
				   RELOAD_QUIET_MS * RP_NS_PER_MS, on_files_changed, s);
}

int rp_secrets_new(struct rp_control *control, const int *worker_fds,
		   struct rp_secrets **ret_secrets, struct rp_diag *reterr)
{
	struct rp_secrets *s = calloc(1, sizeof(*s));
	int err;

	if (s == NULL)
		return rp_diag_set(reterr, -ENOMEM, 0, 0, "out of memory");
	s->control = control;
	rp_events_timer_init(&s->retry, on_retry, s);
	err = watch_files(s);
	if (err != RP_OK)
		(void)rp_diag_set(reterr, err, 0, 0, "cannot watch --cert-path: %s",
				  rp_err_text(err));
	else
		err = make_material(s, reterr);
	for (uint32_t i = 0; err == RP_OK && i < control->settings->worker_count; i++) {
		s->worker[i].secrets = s;
		err = rp_events_watch(control->loop, &s->worker[i].watch, worker_fds[i], EPOLLIN,
				      on_worker, &s->worker[i]);
		if (err != RP_OK)
			(void)rp_diag_set(reterr, err, 0, 0, "cannot watch a worker: %s",
					  rp_err_text(err));
		else
			s->worker_count = i + 1;
	}
	if (err != RP_OK) {
		rp_secrets_free(s);
		return err;
	}
	/* Workers that greeted a former control are served, too. */
	send_to_all(s);
	*ret_secrets = s;
	return RP_OK;
}

void rp_secrets_free(struct rp_secrets *s)
{
	if (s == NULL)
		return;
	for (uint32_t i = 0; i < s->worker_count; i++)
		rp_events_unwatch(s->control->loop, &s->worker[i].watch);
	rp_events_timer_cancel(s->control->loop, &s->retry);
	rp_file_watch_stop(&s->files);
	OPENSSL_cleanse(s, sizeof(*s));
	free(s);
}
