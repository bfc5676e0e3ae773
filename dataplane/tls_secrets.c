/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/tls_secrets.h"

#include <errno.h>
#include <sys/socket.h>

#include "shm/log.h"

/* One message at a time; wiped after use. */
static uint8_t buffer[sizeof(struct rp_secrets_message) + 2 * RP_CERT_BYTES_MAX];

void rp_tls_secrets_ask(int fd)
{
	const uint8_t hello = RP_SECRETS_HELLO;

	(void)send(fd, &hello, sizeof(hello), MSG_NOSIGNAL | MSG_DONTWAIT);
}

static int make_context(size_t n, struct rp_tls_context **ret_context, const char **ret_why)
{
	struct rp_secrets_message head;

	*ret_why = "a message of the wrong size";
	if (n < sizeof(head))
		return RP_EFORMAT;
	memcpy(&head, buffer, sizeof(head));
	n -= sizeof(head);
	if (head.cert_bytes > n || head.key_bytes != n - head.cert_bytes)
		return RP_EFORMAT;
	if (head.cert_bytes == 0) {
		*ret_context = NULL;
		return RP_OK;
	}
	int err = rp_tls_context_new(
		&head, rp_bytes(buffer + sizeof(head), head.cert_bytes),
		rp_bytes(buffer + sizeof(head) + head.cert_bytes, head.key_bytes), ret_context,
		ret_why);

	explicit_bzero(&head, sizeof(head));
	return err;
}

int rp_tls_secrets_receive(int fd, struct rp_tls_context **ret_context)
{
	const char *why = "";
	ssize_t n = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT | MSG_TRUNC);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? RP_EAGAIN : RP_ECLOSED;
	if (n == 0)
		return RP_ECLOSED;
	int err = make_context((size_t)n > sizeof(buffer) ? 0 : (size_t)n, ret_context, &why);

	explicit_bzero(buffer, sizeof(buffer));
	if (err == RP_OK)
		return RP_OK;
	RP_LOG(RP_LOG_ERROR, "tls", "TLS material refused", RP_F_TEXT("error", why));
	return RP_EFORMAT;
}
