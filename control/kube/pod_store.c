/* SPDX-License-Identifier: Apache-2.0 */
#include "control/kube/pod_store.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>

#include "control/kube/object.h"
#include "control/kube/object_map.h"
#include "shm/log.h"

#define LOGGER "pods"

/* The annotation's keys; the second one counts only where the first is missing. */
#define ACTIVE_PORTS	    "llm-d.ai/active-ports"
#define ACTIVE_PORTS_LEGACY "inference.networking.k8s.io/active-ports"

/*
 * What is kept of an eligible pod, in the map's record: this, its active ports, the lengths of its
 * labels, and the strings: namespace, address, node address, keys and values. No padding: records
 * are compared as bytes.
 */
struct pod {
	uint32_t text_bytes;
	uint16_t name_space_len;
	uint8_t ip_len; /* 0: no address that we could use */
	uint8_t node_len;
	uint16_t has_active_ports; /* else all ports are active */
	uint16_t active_port_count;
	uint32_t label_count;
};

struct label_len {
	uint16_t key;
	uint16_t value;
};

enum {
	RECORD_BYTES_MAX = sizeof(struct pod) + RP_POD_ACTIVE_PORTS_MAX * sizeof(uint16_t) +
			   RP_ENDPOINT_LABELS_MAX * sizeof(struct label_len) + RP_KUBE_NAME_MAX +
			   2 * INET6_ADDRSTRLEN + RP_ENDPOINT_LABELS_MAX * RP_LABEL_BYTES_MAX,
};

static_assert(sizeof(struct pod) == 16, "records have no padding");
static_assert(RP_LABEL_BYTES_MAX <= UINT16_MAX, "label lengths have 16 bits");
static_assert(_Alignof(struct label_len) == _Alignof(uint16_t), "ports stand before them");

struct rp_pod_store {
	struct rp_object_map map;
	bool has_warned_of_labels;
	_Alignas(8) uint8_t record[RECORD_BYTES_MAX]; /* being made */
};

/* A record, taken apart. */
struct view {
	struct pod head;
	const uint16_t *active_port;
	const struct label_len *label;
	struct rp_bytes text;
	struct rp_bytes name_space;
	struct rp_bytes ip;
	struct rp_bytes node;
	size_t labels_at; /* in `text` */
};

int rp_pod_store_new(struct rp_pod_store **ret_store)
{
	struct rp_pod_store *store = calloc(1, sizeof(*store));

	if (store == NULL)
		return RP_ENOMEM;
	store->map.max = RP_KUBE_PODS_MAX;
	*ret_store = store;
	return RP_OK;
}

void rp_pod_store_free(struct rp_pod_store *store)
{
	if (store == NULL)
		return;
	rp_object_map_fini(&store->map);
	free(store);
}

void rp_pod_store_begin_list(struct rp_pod_store *store)
{
	rp_object_map_begin_list(&store->map);
}

bool rp_pod_store_end_list(struct rp_pod_store *store)
{
	return rp_object_map_end_list(&store->map);
}

void rp_pod_store_fail_list(struct rp_pod_store *store)
{
	rp_object_map_fail_list(&store->map);
}

/* The first condition of type Ready decides. */
static bool is_ready(const cJSON *pod)
{
	const cJSON *conditions =
		cJSON_GetObjectItemCaseSensitive(rp_kube_member(pod, "status"), "conditions");
	const cJSON *condition;

	if (!cJSON_IsArray(conditions))
		return false;
	cJSON_ArrayForEach(condition, conditions)
	{
		if (cJSON_IsObject(condition) &&
		    rp_bytes_equal_str(rp_kube_text(condition, "type"), "Ready"))
			return rp_bytes_equal_str(rp_kube_text(condition, "status"), "True");
	}
	return false;
}

/* In the canonical form; empty if it is no address. */
static struct rp_bytes canonical_ip(struct rp_bytes given, char out[INET6_ADDRSTRLEN])
{
	char literal[INET6_ADDRSTRLEN];
	struct in6_addr address;
	int family;

	if (given.len >= sizeof(literal))
		return rp_bytes(NULL, 0);
	(void)rp_bytes_to_str(given, literal, sizeof(literal));
	family = strchr(literal, ':') != NULL ? AF_INET6 : AF_INET;
	if (inet_pton(family, literal, &address) != 1 ||
	    inet_ntop(family, &address, out, INET6_ADDRSTRLEN) == NULL)
		return rp_bytes(NULL, 0);
	return rp_bytes_str(out);
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/*
 * The port at the begin of an item, as Go's Sscanf("%d") reads it: blanks and a sign may stand
 * before it, anything after it.
 * @return 0: no port
 */
static uint16_t leading_port(struct rp_bytes item)
{
	uint32_t number = 0;
	size_t at = 0;

	while (at < item.len && is_blank(item.ptr[at]))
		at++;
	if (at < item.len && item.ptr[at] == '+')
		at++;
	for (; at < item.len && item.ptr[at] >= '0' && item.ptr[at] <= '9'; at++) {
		number = 10 * number + (uint32_t)(item.ptr[at] - '0');
		if (number > UINT16_MAX)
			return 0;
	}
	return (uint16_t)number;
}

static void add_active_port(uint16_t *port, uint16_t *count, uint16_t next)
{
	if (next == 0)
		return;
	for (uint16_t i = 0; i < *count; i++) {
		if (port[i] == next)
			return;
	}
	if (*count < RP_POD_ACTIVE_PORTS_MAX)
		port[(*count)++] = next;
}

/* Kept in the annotation's order, each once. */
static void read_active_ports(const cJSON *pod, struct pod *head,
			      uint16_t port[RP_POD_ACTIVE_PORTS_MAX])
{
	const cJSON *annotations = rp_kube_member(rp_kube_member(pod, "metadata"), "annotations");
	const char *key = ACTIVE_PORTS;
	struct rp_bytes rest;
	size_t end = 0;

	if (cJSON_GetObjectItemCaseSensitive(annotations, key) == NULL)
		key = ACTIVE_PORTS_LEGACY;
	if (cJSON_GetObjectItemCaseSensitive(annotations, key) == NULL)
		return;
	head->has_active_ports = 1;
	rest = rp_kube_text(annotations, key);
	while (end != SIZE_MAX) {
		end = rp_bytes_find(rest, RP_BYTES_LIT(","));
		add_active_port(port, &head->active_port_count,
				leading_port(rp_bytes_slice(rest, 0, end)));
		rest = rp_bytes_slice(rest, end == SIZE_MAX ? end : end + 1, SIZE_MAX);
	}
}

static void warn_of_labels(struct rp_pod_store *store, struct rp_bytes name)
{
	if (store->has_warned_of_labels)
		return;
	store->has_warned_of_labels = true;
	RP_LOG(RP_V0, LOGGER,
	       "Labels of a pod left out: it has too many, or longer ones than are kept",
	       RP_F_STR("pod", name), RP_F_INT("labels", RP_ENDPOINT_LABELS_MAX),
	       RP_F_INT("bytes", RP_LABEL_BYTES_MAX));
}

static struct rp_bytes make_record(struct rp_pod_store *store, const cJSON *pod,
				   struct rp_bytes name)
{
	const cJSON *metadata = rp_kube_member(pod, "metadata");
	const cJSON *status = rp_kube_member(pod, "status");
	struct rp_bytes name_space = rp_kube_text(metadata, "namespace");
	struct rp_writer w = rp_writer(store->record, sizeof(store->record));
	struct rp_kube_pair pair[RP_ENDPOINT_LABELS_MAX];
	uint16_t port[RP_POD_ACTIVE_PORTS_MAX];
	char ip_text[INET6_ADDRSTRLEN];
	char node_text[INET6_ADDRSTRLEN];
	struct rp_bytes ip = canonical_ip(rp_kube_text(status, "podIP"), ip_text);
	struct rp_bytes node = canonical_ip(rp_kube_text(status, "hostIP"), node_text);
	struct pod head = {.name_space_len = (uint16_t)name_space.len,
			   .ip_len = (uint8_t)ip.len,
			   .node_len = (uint8_t)node.len};
	bool is_left_out = false;

	head.label_count = rp_kube_pairs(rp_kube_member(metadata, "labels"), RP_LABEL_BYTES_MAX,
					 pair, RP_ENDPOINT_LABELS_MAX, &is_left_out);
	if (is_left_out)
		warn_of_labels(store, name);
	read_active_ports(pod, &head, port);
	head.text_bytes = (uint32_t)(name_space.len + ip.len + node.len);
	for (uint32_t i = 0; i < head.label_count; i++)
		head.text_bytes += (uint32_t)(pair[i].key.len + pair[i].value.len);
	rp_write_bytes(&w, rp_bytes(&head, sizeof(head)));
	rp_write_bytes(&w, rp_bytes(port, head.active_port_count * sizeof(*port)));
	for (uint32_t i = 0; i < head.label_count; i++) {
		struct label_len len = {(uint16_t)pair[i].key.len, (uint16_t)pair[i].value.len};

		rp_write_bytes(&w, rp_bytes(&len, sizeof(len)));
	}
	rp_write_bytes(&w, name_space);
	rp_write_bytes(&w, ip);
	rp_write_bytes(&w, node);
	for (uint32_t i = 0; i < head.label_count; i++) {
		rp_write_bytes(&w, pair[i].key);
		rp_write_bytes(&w, pair[i].value);
	}
	RP_ASSERT(w.err == RP_OK);
	return rp_writer_bytes(&w);
}

static struct view view_of(struct rp_bytes record)
{
	struct view view;
	const uint8_t *at = record.ptr + sizeof(view.head);

	memcpy(&view.head, record.ptr, sizeof(view.head));
	view.active_port = (const uint16_t *)(const void *)at;
	at += view.head.active_port_count * sizeof(*view.active_port);
	view.label = (const struct label_len *)(const void *)at;
	at += view.head.label_count * sizeof(*view.label);
	view.text = rp_bytes(at, view.head.text_bytes);
	view.name_space = rp_bytes_slice(view.text, 0, view.head.name_space_len);
	view.ip = rp_bytes_slice(view.text, view.name_space.len, view.head.ip_len);
	view.labels_at = view.name_space.len + view.ip.len;
	view.node = rp_bytes_slice(view.text, view.labels_at, view.head.node_len);
	view.labels_at += view.node.len;
	return view;
}

int rp_pod_store_put(struct rp_pod_store *store, const cJSON *pod)
{
	struct rp_bytes name;
	struct rp_bytes record;
	int err = rp_kube_name(pod, &name);

	if (err != RP_OK)
		return err;
	if (rp_kube_text(rp_kube_member(pod, "metadata"), "namespace").len > RP_KUBE_NAME_MAX)
		return RP_EFORMAT;
	if (rp_kube_is_deleting(pod) || !is_ready(pod))
		return rp_object_map_remove(&store->map, name) ? RP_OK : RP_EAGAIN;
	record = make_record(store, pod, name);
	err = rp_object_map_put(&store->map, name, record);
	if (err == RP_OK && view_of(record).ip.len == 0)
		RP_LOG(RP_LOG_ERROR, LOGGER, "A ready pod has no address: it gets no requests",
		       RP_F_STR("pod", name),
		       RP_F_STR("podIP", rp_kube_text(rp_kube_member(pod, "status"), "podIP")));
	return err;
}

bool rp_pod_store_remove(struct rp_pod_store *store, const cJSON *pod)
{
	struct rp_bytes name;

	return rp_kube_name(pod, &name) == RP_OK && rp_object_map_remove(&store->map, name);
}

bool rp_pod_store_is_synced(const struct rp_pod_store *store)
{
	return store->map.is_synced;
}

size_t rp_pod_store_count(const struct rp_pod_store *store)
{
	return store->map.known.count;
}

static bool is_active(const struct view *pod, uint16_t port)
{
	if (pod->head.has_active_ports == 0)
		return true;
	for (uint32_t i = 0; i < pod->head.active_port_count; i++) {
		if (pod->active_port[i] == port)
			return true;
	}
	return false;
}

/* The set being made, and how much of its room is used. */
struct making {
	struct rp_endpoint_set set;
	uint8_t *text;
	size_t text_bytes;
};

static struct rp_bytes keep(struct making *making, struct rp_bytes text)
{
	uint8_t *to = making->text + making->text_bytes;

	if (text.len != 0)
		memcpy(to, text.ptr, text.len);
	making->text_bytes += text.len;
	return rp_bytes(to, text.len);
}

/* All ranks of a pod share their labels. */
static void keep_labels(struct making *making, const struct view *pod)
{
	struct rp_bytes rest = keep(making, rp_bytes_slice(pod->text, pod->labels_at, SIZE_MAX));

	for (uint32_t i = 0; i < pod->head.label_count; i++) {
		struct rp_discovered_label *label = &making->set.label[making->set.label_count++];

		label->key = rp_bytes_slice(rest, 0, pod->label[i].key);
		label->value = rp_bytes_slice(rest, pod->label[i].key, pod->label[i].value);
		rest = rp_bytes_slice(rest, label->key.len + label->value.len, SIZE_MAX);
	}
}

static void make_endpoints(struct making *making, struct rp_bytes name, const struct view *pod,
			   const uint16_t *port, uint32_t port_count)
{
	struct rp_discovered_endpoint common = {
		.label_first = (uint32_t)making->set.label_count,
		.label_count = pod->head.label_count,
	};
	bool has_labels = false;

	for (uint32_t rank = 0; rank < port_count; rank++) {
		char suffix[] = "-rank-0";
		struct rp_discovered_endpoint *endpoint;

		if (!is_active(pod, port[rank]))
			continue;
		if (!has_labels) {
			common.name_space = keep(making, pod->name_space);
			common.node = keep(making, pod->node);
			(void)rp_bytes_to_str(pod->ip, common.ip, sizeof(common.ip));
			keep_labels(making, pod);
			has_labels = true;
		}
		suffix[sizeof(suffix) - 2] = (char)('0' + rank);
		endpoint = &making->set.endpoint[making->set.count++];
		*endpoint = common;
		endpoint->port = port[rank];
		endpoint->rank = rank;
		endpoint->pod = keep(making, name);
		endpoint->name =
			rp_bytes(endpoint->pod.ptr,
				 name.len + keep(making, rp_bytes(suffix, sizeof(suffix) - 1)).len);
	}
}

/* Room for all pods with all ports: an upper bound. */
static int make_room(const struct rp_pod_store *store, uint32_t port_count, struct making *making)
{
	size_t endpoints = store->map.known.count * port_count;
	size_t text_bytes =
		store->map.known.record_bytes + endpoints * (RP_KUBE_NAME_MAX + sizeof("-rank-0"));
	size_t labels = 0;

	for (const struct rp_object_entry *entry = rp_object_map_next(&store->map, NULL);
	     entry != NULL; entry = rp_object_map_next(&store->map, entry))
		labels += view_of(rp_object_entry_record(entry)).head.label_count;
	making->set.endpoint = calloc(endpoints + 1, sizeof(*making->set.endpoint));
	making->set.label = calloc(labels + 1, sizeof(*making->set.label));
	making->text = malloc(text_bytes + 1);
	making->set.text = making->text;
	making->set.free_text = free;
	if (making->set.endpoint == NULL || making->set.label == NULL || making->text == NULL)
		return RP_ENOMEM;
	return RP_OK;
}

int rp_pod_store_endpoints(const struct rp_pod_store *store, const uint16_t *port,
			   uint32_t port_count, struct rp_endpoint_set *ret_set)
{
	struct making making = {0};
	int err = make_room(store, port_count, &making);

	RP_ASSERT(port_count <= RP_POOL_PORTS_MAX);
	if (err == RP_OK) {
		for (const struct rp_object_entry *entry = rp_object_map_next(&store->map, NULL);
		     entry != NULL; entry = rp_object_map_next(&store->map, entry)) {
			struct view pod = view_of(rp_object_entry_record(entry));

			if (pod.ip.len != 0)
				make_endpoints(&making, rp_object_entry_name(entry), &pod, port,
					       port_count);
		}
		err = rp_endpoint_set_normalize(&making.set);
	}
	if (err != RP_OK) {
		rp_endpoint_set_fini(&making.set);
		return err;
	}
	*ret_set = making.set;
	return RP_OK;
}
