/* SPDX-License-Identifier: Apache-2.0
 *
 * Descriptors that the supervisor makes for its children: listening sockets, wake eventfds, socket
 * pairs. All are close-on-exec and lie above the numbers that children inherit, so that dup2() to
 * those numbers can never run over one that is still to be placed.
 */
#ifndef RP_CONTROL_SOCKETS_H
#define RP_CONTROL_SOCKETS_H

#include "shm/process.h"

/* Lowest number of a descriptor of the supervisor's own. */
enum { RP_FD_OWN_FIRST = RP_FD_SECRETS_FIRST + RP_WORKERS_MAX };

struct rp_diag;

/** Move fd (or -errno, passed through) to RP_FD_OWN_FIRST or above. @return the new fd or -errno */
RP_MUST_CHECK int rp_fd_raise(int fd);

/**
 * A bound TCP socket on all addresses, IPv6 and IPv4; IPv4 alone where the kernel has no IPv6.
 *
 * @param port       0: the kernel chooses
 * @param flag_name  "--grpc-port", for the message
 * @param[out] ret_fd, ret_port  the socket, not listening yet, and its port
 * @return RP_OK or -errno; *reterr names port and flag
 */
RP_MUST_CHECK int rp_socket_bind(uint16_t port, const char *flag_name, int *ret_fd,
				 uint16_t *ret_port, struct rp_diag *reterr);

/** Start to listen. @return RP_OK or -errno with *reterr as above */
RP_MUST_CHECK int rp_socket_listen(int fd, uint16_t port, const char *flag_name,
				   struct rp_diag *reterr);

/** A non-blocking pair of SOCK_SEQPACKET sockets with room for TLS material. @return RP_OK or
 * -errno */
RP_MUST_CHECK int rp_socket_pair(int ret_fds[2]);

/** A non-blocking eventfd at zero. @return fd or -errno */
RP_MUST_CHECK int rp_eventfd_new(void);
/** Add one to an eventfd; what is pending already is enough. */
void rp_eventfd_signal(int fd);
/** Take what was added. */
void rp_eventfd_drain(int fd);

#endif /* RP_CONTROL_SOCKETS_H */
