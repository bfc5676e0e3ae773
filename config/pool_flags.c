/* SPDX-License-Identifier: Apache-2.0 */
#include "config/pool_flags.h"

#include <stdio.h>
#include <stdlib.h>

#include "config/label_text.h"
#include "shm/bytes.h"

int rp_target_ports_parse(const char *text, struct rp_target_ports *ret, struct rp_diag *reterr)
{
	struct rp_bytes rest = rp_bytes_str(text);

	*ret = (struct rp_target_ports){.count = 0};
	while (rest.len != 0) {
		size_t comma = rp_min_size(rp_bytes_find(rest, RP_BYTES_LIT(",")), rest.len);
		struct rp_bytes word = rp_bytes_trim(rp_bytes_slice(rest, 0, comma));
		bool is_known = false;
		uint64_t port;

		if (rp_bytes_to_u64(word, UINT16_MAX, &port) != RP_OK || port == 0)
			return rp_diag_set(reterr, RP_ECONFIG, 0, 0,
					   "--endpoint-target-ports: \"%.*s\" is not a port; give "
					   "numbers from 1 to 65535 with commas between them",
					   (int)rp_min_size(word.len, 40), (const char *)word.ptr);
		for (uint32_t i = 0; i < ret->count; i++)
			is_known = is_known || ret->port[i] == port;
		if (!is_known && ret->count == RP_POOL_PORTS_MAX)
			return rp_diag_set(reterr, RP_ECONFIG, 0, 0,
					   "--endpoint-target-ports: more than %u ports",
					   RP_POOL_PORTS_MAX);
		if (!is_known)
			ret->port[ret->count++] = (uint16_t)port;
		rest = rp_bytes_slice(rest, comma + 1, rest.len);
	}
	if (ret->count == 0)
		return rp_diag_set(reterr, RP_ECONFIG, 0, 0,
				   "--endpoint-selector needs --endpoint-target-ports: one to %u "
				   "ports of the model servers",
				   RP_POOL_PORTS_MAX);
	return RP_OK;
}

static int check_selector(const struct rp_flags *flags, struct rp_diag *reterr)
{
	struct rp_bytes rest = rp_bytes_str(flags->endpoint_selector);
	struct rp_selector_text requirement;
	struct rp_target_ports ports;

	while (rest.len != 0) {
		if (rp_selector_next(&rest, &requirement) != RP_OK)
			return rp_diag_set(reterr, RP_ECONFIG, 0, 0,
					   "--endpoint-selector: \"%.200s\" is not a label "
					   "selector; examples: app=vllm, 'env in (a,b)', '!debug'",
					   flags->endpoint_selector);
	}
	return rp_target_ports_parse(flags->endpoint_target_ports, &ports, reterr);
}

int rp_pool_flags_check(const struct rp_flags *flags, struct rp_diag *reterr)
{
	if (flags->endpoint_selector[0] == '\0')
		return RP_OK;
	if (flags->pool_name[0] != '\0')
		return rp_diag_set(reterr, RP_ECONFIG, 0, 0,
				   "either --pool-name or --endpoint-selector must be set, not "
				   "both");
	if (flags->endpoints_file[0] != '\0')
		return rp_diag_set(reterr, RP_ECONFIG, 0, 0,
				   "--endpoints-file and --endpoint-selector exclude each other");
	return check_selector(flags, reterr);
}

/* How many characters of a generated part, "-7c9f", stand at the end? 0: none */
static size_t generated_part(struct rp_bytes name)
{
	size_t len = 0;

	while (len < name.len) {
		uint8_t c = name.ptr[name.len - 1 - len];

		if (c == '-')
			return len == 0 ? 0 : len + 1;
		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9'))
			return 0;
		len++;
	}
	return 0;
}

/* "<deployment>-<replica set>-<pod>" */
static int deployment_of(struct rp_bytes pod, struct rp_bytes *ret)
{
	for (int part = 0; part < 2; part++) {
		size_t len = generated_part(pod);

		if (len == 0 || len == pod.len)
			return RP_EFORMAT;
		pod = rp_bytes_slice(pod, 0, pod.len - len);
	}
	*ret = pod;
	return RP_OK;
}

static int name_by_pod(struct rp_pool_identity *ret, struct rp_diag *reterr)
{
	const char *pod = getenv("POD_NAME");
	struct rp_bytes name;

	if (pod == NULL || pod[0] == '\0')
		return rp_diag_set(reterr, RP_ECONFIG, 0, 0,
				   "--endpoint-selector needs the environment variable POD_NAME "
				   "(metadata.name by the downward API): the pool goes by the "
				   "name of our Deployment");
	if (deployment_of(rp_bytes_str(pod), &name) != RP_OK || name.len >= sizeof(ret->name))
		return rp_diag_set(reterr, RP_ECONFIG, 0, 0,
				   "POD_NAME \"%.253s\" is not <deployment>-<hash>-<hash>: with "
				   "--endpoint-selector we must be the pod of a Deployment",
				   pod);
	snprintf(ret->name, sizeof(ret->name), "%.*s", (int)name.len, (const char *)name.ptr);
	return RP_OK;
}

int rp_pool_identity_find(const struct rp_flags *flags, struct rp_pool_identity *ret,
			  struct rp_diag *reterr)
{
	const char *name_space = flags->pool_namespace;

	if (name_space[0] == '\0')
		name_space = getenv("NAMESPACE");
	if (name_space == NULL || name_space[0] == '\0')
		name_space = "default";
	snprintf(ret->name_space, sizeof(ret->name_space), "%s", name_space);
	if (flags->endpoint_selector[0] != '\0')
		return name_by_pod(ret, reterr);
	snprintf(ret->name, sizeof(ret->name), "%s",
		 flags->pool_name[0] != '\0' ? flags->pool_name : "epp");
	return RP_OK;
}
