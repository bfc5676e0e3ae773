/* SPDX-License-Identifier: Apache-2.0 */
#include "perf/sim/sim_endpoint.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "perf/sim/sim_uuid.h"

enum { BACKLOG = 4096 };

int rp_sim_endpoint_init(struct rp_sim_endpoint *endpoint, const struct rp_sim_options *options,
			 uint32_t idx, uint32_t endpoint_count, int64_t now_ns, int64_t wall_s)
{
	const char *pod = options->pod_name != NULL ? options->pod_name : "";
	int err = RP_OK;

	*endpoint = (struct rp_sim_endpoint){
		.source = {.kind = RP_SIM_SOURCE_LISTENER, .fd = -1},
		.options = options,
		.idx = idx,
		.tuning = options->tuning,
		.random = {.state = options->seed + idx},
		.start_ns = now_ns,
		.metrics.is_dirty = true,
	};
	/* Only a single server without a name has no header, as upstream. */
	if (pod[0] == '\0' && options->has_listen_flag)
		pod = "sim";
	if (pod[0] != '\0' && (endpoint_count > 1 || options->pod_name == NULL))
		snprintf(endpoint->pod, sizeof(endpoint->pod), "%.250s-%u", pod, idx);
	else
		snprintf(endpoint->pod, sizeof(endpoint->pod), "%.250s", pod);
	rp_sim_loras_init(&endpoint->loras, options->max_loras, wall_s);
	for (uint32_t i = 0; i < options->module_count && err == RP_OK; i++)
		err = rp_sim_loras_list(&endpoint->loras, rp_bytes_str(options->modules[i].name),
					rp_bytes_str(options->modules[i].path));
	if (err == RP_OK && options->has_fake) {
		endpoint->fake = malloc(sizeof(*endpoint->fake));
		if (endpoint->fake == NULL)
			return RP_ENOMEM;
		memcpy(endpoint->fake, &options->fake, sizeof(*endpoint->fake));
	}
	return err;
}

static socklen_t make_address(struct sockaddr_storage *storage, const char *host, uint16_t port)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

	if (inet_pton(AF_INET, host, &v4.sin_addr) == 1) {
		memcpy(storage, &v4, sizeof(v4));
		return sizeof(v4);
	}
	RP_ASSERT(inet_pton(AF_INET6, host, &v6.sin6_addr) == 1);
	memcpy(storage, &v6, sizeof(v6));
	return sizeof(v6);
}

static int learn_port(struct rp_sim_endpoint *endpoint)
{
	struct sockaddr_storage storage = {0};
	socklen_t bytes = sizeof(storage);
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	if (getsockname(endpoint->source.fd, (struct sockaddr *)&storage, &bytes) != 0)
		return -errno;
	memcpy(&v4, &storage, sizeof(v4));
	memcpy(&v6, &storage, sizeof(v6));
	endpoint->port = ntohs(storage.ss_family == AF_INET ? v4.sin_port : v6.sin6_port);
	return RP_OK;
}

int rp_sim_endpoint_listen(struct rp_sim_endpoint *endpoint, const char *host, uint16_t port)
{
	struct sockaddr_storage storage = {0};
	socklen_t bytes = make_address(&storage, host, port);
	int one = 1;
	int fd = socket(storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	endpoint->source.fd = fd;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0 ||
	    bind(fd, (struct sockaddr *)&storage, bytes) != 0 || listen(fd, BACKLOG) != 0)
		return -errno;
	return learn_port(endpoint);
}

void rp_sim_endpoint_fini(struct rp_sim_endpoint *endpoint)
{
	if (endpoint->source.fd >= 0)
		close(endpoint->source.fd);
	endpoint->source.fd = -1;
	rp_sim_loras_fini(&endpoint->loras);
	rp_sim_buf_fini(&endpoint->metrics.page);
	free(endpoint->fake);
	endpoint->fake = NULL;
}

void rp_sim_endpoint_make_id(struct rp_sim_endpoint *endpoint, struct rp_sim_call *call)
{
	char name[80];
	char uuid[RP_SIM_UUID_CHARS + 1];

	snprintf(name, sizeof(name), "%llu-%u-%llu", (unsigned long long)endpoint->options->seed,
		 endpoint->port, (unsigned long long)endpoint->next_id++);
	rp_sim_uuid_write(rp_bytes_str(name), uuid);
	snprintf(call->id, sizeof(call->id), "%s%s", call->is_chat ? "chatcmpl-" : "cmpl-", uuid);
}
