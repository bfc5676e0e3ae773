/* SPDX-License-Identifier: Apache-2.0 */
#include "control/sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shm/err.h"

enum { PAIR_BUFFER_BYTES = 512 << 10 };

int rp_fd_raise(int fd)
{
	int raised;

	if (fd < 0 || fd >= RP_FD_OWN_FIRST)
		return fd;
	raised = fcntl(fd, F_DUPFD_CLOEXEC, RP_FD_OWN_FIRST);
	if (raised < 0)
		raised = -errno;
	close(fd);
	return raised;
}

static int bind_dual(uint16_t port)
{
	struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int err;

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &(int){0}, sizeof(int)) == 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) == 0 &&
	    bind(fd, (const struct sockaddr *)&any, sizeof(any)) == 0)
		return fd;
	err = -errno;
	close(fd);
	return err;
}

static int bind_ipv4(uint16_t port)
{
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int err;

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) == 0 &&
	    bind(fd, (const struct sockaddr *)&any, sizeof(any)) == 0)
		return fd;
	err = -errno;
	close(fd);
	return err;
}

static int port_error(int err, uint16_t port, const char *flag_name, struct rp_diag *reterr)
{
	if (err == -EADDRINUSE)
		return rp_diag_set(
			reterr, err, 0, 0,
			"port %u is in use by another process: free it or choose another "
			"one with %s",
			port, flag_name);
	return rp_diag_set(reterr, err, 0, 0, "cannot listen on port %u (%s): %s", port, flag_name,
			   rp_err_text(err));
}

int rp_socket_bind(uint16_t port, const char *flag_name, int *ret_fd, uint16_t *ret_port,
		   struct rp_diag *reterr)
{
	struct sockaddr_storage bound = {0};
	socklen_t bound_bytes = sizeof(bound);
	int fd = bind_dual(port);

	if (fd == -EAFNOSUPPORT || fd == -EADDRNOTAVAIL || fd == -ENOPROTOOPT)
		fd = bind_ipv4(port);
	fd = rp_fd_raise(fd);
	if (fd < 0)
		return port_error(fd, port, flag_name, reterr);
	if (getsockname(fd, (struct sockaddr *)&bound, &bound_bytes) != 0) {
		int err = -errno;

		close(fd);
		return port_error(err, port, flag_name, reterr);
	}
	/* The port lies at the same place in both kinds of address. */
	*ret_port = ntohs(((const struct sockaddr_in *)(const void *)&bound)->sin_port);
	*ret_fd = fd;
	return RP_OK;
}

int rp_socket_listen(int fd, uint16_t port, const char *flag_name, struct rp_diag *reterr)
{
	if (listen(fd, RP_LISTEN_BACKLOG) == 0)
		return RP_OK;
	return port_error(-errno, port, flag_name, reterr);
}

int rp_socket_pair(int ret_fds[2])
{
	int fds[2];
	int err = RP_OK;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0)
		return -errno;
	for (int i = 0; i < 2; i++) {
		/* Best effort: the kernel cuts it to net.core.wmem_max, which is enough too. */
		(void)setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &(int){PAIR_BUFFER_BYTES},
				 sizeof(int));
		fds[i] = rp_fd_raise(fds[i]);
		if (fds[i] < 0)
			err = fds[i];
	}
	if (err != RP_OK) {
		for (int i = 0; i < 2; i++) {
			if (fds[i] >= 0)
				close(fds[i]);
		}
		return err;
	}
	ret_fds[0] = fds[0];
	ret_fds[1] = fds[1];
	return RP_OK;
}

int rp_eventfd_new(void)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	return fd < 0 ? -errno : rp_fd_raise(fd);
}

void rp_eventfd_signal(int fd)
{
	ssize_t n;

	do
		n = write(fd, &(uint64_t){1}, sizeof(uint64_t));
	while (n < 0 && errno == EINTR);
}

void rp_eventfd_drain(int fd)
{
	uint64_t count;
	ssize_t n;

	do
		n = read(fd, &count, sizeof(count));
	while (n < 0 && errno == EINTR);
}
