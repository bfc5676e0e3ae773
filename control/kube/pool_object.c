/* SPDX-License-Identifier: Apache-2.0 */
#include "control/kube/pool_object.h"

#include "control/kube/object.h"

enum {
	SELECTOR_LABELS_MAX = 64,
	KEY_BYTES_MAX = 253 + 1 + 63, /* prefix/name */
	VALUE_BYTES_MAX = 63,
	PAIR_BYTES_MAX = KEY_BYTES_MAX + VALUE_BYTES_MAX,
};

static bool is_alnum(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Letters, digits and what may stand between them. A selector's text must mean the same to the
 * server that reads it. */
static bool is_label_text(struct rp_bytes text, const char *between)
{
	if (text.len == 0)
		return true;
	for (size_t i = 0; i < text.len; i++) {
		if (!is_alnum(text.ptr[i]) && strchr(between, text.ptr[i]) == NULL)
			return false;
	}
	return is_alnum(text.ptr[0]) && is_alnum(text.ptr[text.len - 1]);
}

static int read_selector(const cJSON *labels, bool may_be_empty, struct rp_pool_object *pool)
{
	struct rp_kube_pair pair[SELECTOR_LABELS_MAX];
	struct rp_writer text = rp_writer(pool->selector, sizeof(pool->selector) - 1);
	bool is_left_out = false;
	uint32_t count;
	const cJSON *item;

	if (labels == NULL)
		return RP_EFORMAT;
	cJSON_ArrayForEach(item, labels)
	{
		if (!cJSON_IsString(item))
			return RP_EFORMAT;
	}
	count = rp_kube_pairs(labels, PAIR_BYTES_MAX, pair, SELECTOR_LABELS_MAX, &is_left_out);
	if (is_left_out || (count == 0 && !may_be_empty))
		return RP_EFORMAT;
	for (uint32_t i = 0; i < count; i++) {
		if (pair[i].key.len == 0 || pair[i].value.len > VALUE_BYTES_MAX ||
		    !is_label_text(pair[i].key, "-_./") || !is_label_text(pair[i].value, "-_."))
			return RP_EFORMAT;
		if (i > 0)
			rp_write_u8(&text, ',');
		rp_write_bytes(&text, pair[i].key);
		rp_write_u8(&text, '=');
		rp_write_bytes(&text, pair[i].value);
	}
	pool->selector[rp_written(&text)] = '\0';
	return text.err;
}

static int add_port(struct rp_pool_object *pool, const cJSON *number)
{
	uint16_t port;

	if (!cJSON_IsNumber(number) || !(number->valuedouble >= 1 && number->valuedouble <= 65535))
		return RP_EFORMAT;
	port = (uint16_t)number->valuedouble;
	if ((double)port != number->valuedouble || pool->port_count == RP_POOL_PORTS_MAX)
		return RP_EFORMAT;
	for (uint32_t i = 0; i < pool->port_count; i++) {
		if (pool->port[i] == port)
			return RP_EFORMAT;
	}
	pool->port[pool->port_count++] = port;
	return RP_OK;
}

static int read_ports(const cJSON *spec, struct rp_pool_object *pool)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(spec, "targetPorts");
	const cJSON *item;

	if (!cJSON_IsArray(list))
		return RP_EFORMAT;
	cJSON_ArrayForEach(item, list)
	{
		int err = cJSON_IsObject(item)
				  ? add_port(pool, cJSON_GetObjectItemCaseSensitive(item, "number"))
				  : RP_EFORMAT;

		if (err != RP_OK)
			return err;
	}
	return pool->port_count > 0 ? RP_OK : RP_EFORMAT;
}

int rp_pool_object_read(const cJSON *object, bool is_v1, struct rp_pool_object *ret)
{
	const cJSON *spec = rp_kube_member(object, "spec");
	const cJSON *selector = rp_kube_member(spec, "selector");
	struct rp_bytes name;
	struct rp_bytes protocol = is_v1 ? rp_kube_text(spec, "appProtocol") : RP_BYTES_LIT("");
	int err;

	ret->port_count = 0;
	ret->is_deleting = rp_kube_is_deleting(object);
	if (spec == NULL || rp_kube_name(object, &name) != RP_OK ||
	    protocol.len >= sizeof(ret->app_protocol))
		return RP_EFORMAT;
	(void)rp_bytes_to_str(protocol, ret->app_protocol, sizeof(ret->app_protocol));
	err = is_v1 ? read_ports(spec, ret)
		    : add_port(ret, cJSON_GetObjectItemCaseSensitive(spec, "targetPortNumber"));
	if (err != RP_OK)
		return err;
	return is_v1 ? read_selector(rp_kube_member(selector, "matchLabels"), false, ret)
		     : read_selector(selector, true, ret);
}

bool rp_pool_object_equals(const struct rp_pool_object *a, const struct rp_pool_object *b)
{
	return a->port_count == b->port_count &&
	       memcmp(a->port, b->port, a->port_count * sizeof(a->port[0])) == 0 &&
	       strcmp(a->selector, b->selector) == 0;
}
