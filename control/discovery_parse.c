/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/yaml_tree.h"
#include "control/discovery_file.h"

/* What the walk over the tree works with. */
struct parse {
	struct rp_endpoint_set set;
	uint32_t endpoints_max;
	size_t refused;
	struct rp_diag *diag; /* of the first refused entry, or of the file */
};

static void free_tree(void *text)
{
	rp_yaml_free(text);
	free(text);
}

/* Keys are matched without regard to case; the last one wins (Go's JSON decoder). NULL for null,
 * too: it leaves a field at its zero value. */
static const struct rp_yaml_node *find(const struct rp_yaml_node *map, const char *name)
{
	const struct rp_yaml_node *found = NULL;
	const struct rp_yaml_node *key = rp_yaml_first(map);

	while (key != NULL) {
		const struct rp_yaml_node *value = rp_yaml_next(map, key);

		RP_ASSERT(value != NULL); /* the tree's promise: key, value, key, value */
		if (rp_bytes_equal_nocase(key->text, rp_bytes_str(name)))
			found = value;
		key = rp_yaml_next(map, value);
	}
	return found != NULL && found->kind == RP_YAML_NULL ? NULL : found;
}

/* The whole file is refused. */
static int wrong_kind(struct parse *p, const struct rp_yaml_node *node, const char *name,
		      const char *expected)
{
	bool is_scalar = node->kind != RP_YAML_SEQ && node->kind != RP_YAML_MAP;

	return rp_diag_set(
		p->diag, RP_EFORMAT, node->line, node->column, "%s must be a %s, not %s %s%s", name,
		expected, node->kind == RP_YAML_INT ? "an" : "a", rp_yaml_kind_name(node->kind),
		is_scalar && strcmp(expected, "string") == 0 ? ": put it in quotes" : "");
}

static int get_string(struct parse *p, const struct rp_yaml_node *entry, const char *name,
		      struct rp_bytes *value)
{
	const struct rp_yaml_node *node = find(entry, name);

	if (node == NULL)
		return RP_OK;
	if (node->kind != RP_YAML_STR)
		return wrong_kind(p, node, name, "string");
	*value = node->text;
	return RP_OK;
}

/* One entry is refused; the first one's reason is kept. @return false, for the caller to return */
static bool refuse(struct parse *p, const struct rp_yaml_node *entry, const char *what,
		   struct rp_bytes value)
{
	if (p->refused++ == 0)
		(void)rp_diag_set(p->diag, RP_EFORMAT, entry->line, entry->column, "%s: \"%.*s\"",
				  what, (int)rp_min_size(value.len, 300), (const char *)value.ptr);
	return false;
}

static bool parse_address(struct rp_bytes text, char *out, size_t out_bytes)
{
	char literal[INET6_ADDRSTRLEN];
	struct in6_addr v6;
	struct in_addr v4;

	if (text.len == 0 || text.len >= sizeof(literal) ||
	    memchr(text.ptr, '\0', text.len) != NULL)
		return false;
	(void)rp_bytes_to_str(text, literal, sizeof(literal));
	if (inet_pton(AF_INET, literal, &v4) != 1) {
		if (inet_pton(AF_INET6, literal, &v6) != 1 || !IN6_IS_ADDR_V4MAPPED(&v6))
			return false;
		memcpy(&v4, &v6.s6_addr[12], sizeof(v4));
	}
	return inet_ntop(AF_INET, &v4, out, (socklen_t)out_bytes) != NULL;
}

static int add_labels(struct parse *p, const struct rp_yaml_node *labels,
		      struct rp_discovered_endpoint *endpoint, const char **ret_problem)
{
	const struct rp_yaml_node *key = labels == NULL ? NULL : rp_yaml_first(labels);

	endpoint->label_first = (uint32_t)p->set.label_count;
	while (key != NULL) {
		const struct rp_yaml_node *value = rp_yaml_next(labels, key);

		RP_ASSERT(value != NULL);
		if (value->kind != RP_YAML_STR && value->kind != RP_YAML_NULL)
			return wrong_kind(p, value, "the value of a label", "string");
		if (endpoint->label_count == RP_ENDPOINT_LABELS_MAX)
			*ret_problem = "too many labels";
		else if (key->text.len + value->text.len > RP_LABEL_BYTES_MAX)
			*ret_problem = "a label is too long";
		else {
			p->set.label[p->set.label_count++] = (struct rp_discovered_label){
				key->text,
				value->kind == RP_YAML_NULL ? rp_bytes(NULL, 0) : value->text};
			endpoint->label_count++;
		}
		key = rp_yaml_next(labels, value);
	}
	return RP_OK;
}

/* Append the endpoint if its values are good. */
static bool accept_entry(struct parse *p, const struct rp_yaml_node *entry,
			 struct rp_discovered_endpoint *endpoint, struct rp_bytes address,
			 struct rp_bytes port, const char *label_problem)
{
	uint64_t number = 0;

	if (endpoint->name.len >= RP_ENDPOINT_NAME_MAX)
		return refuse(p, entry, "name is too long", endpoint->name);
	if (endpoint->name_space.len >= RP_ENDPOINT_NAME_MAX)
		return refuse(p, entry, "namespace is too long", endpoint->name_space);
	if (!parse_address(address, endpoint->ip, sizeof(endpoint->ip)))
		return refuse(p, entry, "address must be an IPv4 address, not a host name",
			      address);
	if (rp_bytes_to_u64(port, UINT16_MAX, &number) != RP_OK || number == 0)
		return refuse(p, entry, "port must be a number from 1 to 65535", port);
	if (label_problem != NULL)
		return refuse(p, entry, label_problem, endpoint->name);
	endpoint->port = (uint16_t)number;
	endpoint->pod = endpoint->name;
	p->set.endpoint[p->set.count++] = *endpoint;
	return true;
}

static int parse_entry(struct parse *p, const struct rp_yaml_node *entry)
{
	struct rp_discovered_endpoint endpoint = {.name_space = RP_BYTES_LIT("default")};
	struct rp_bytes address = RP_BYTES_LIT("");
	struct rp_bytes port = RP_BYTES_LIT("");
	const struct rp_yaml_node *labels;
	const char *label_problem = NULL;
	size_t label_count = p->set.label_count;
	int err;

	endpoint.name = RP_BYTES_LIT("");
	if (entry->kind != RP_YAML_MAP)
		return wrong_kind(p, entry, "an entry of endpoints", "mapping");
	labels = find(entry, "labels");
	if (labels != NULL && labels->kind != RP_YAML_MAP)
		return wrong_kind(p, labels, "labels", "mapping");
	err = get_string(p, entry, "name", &endpoint.name);
	if (err == RP_OK)
		err = get_string(p, entry, "namespace", &endpoint.name_space);
	if (err == RP_OK)
		err = get_string(p, entry, "address", &address);
	if (err == RP_OK)
		err = get_string(p, entry, "port", &port);
	if (err == RP_OK)
		err = add_labels(p, labels, &endpoint, &label_problem);
	if (err != RP_OK)
		return err;
	if (endpoint.name_space.len == 0)
		endpoint.name_space = RP_BYTES_LIT("default");
	if (!accept_entry(p, entry, &endpoint, address, port, label_problem))
		p->set.label_count = label_count;
	return RP_OK;
}

static int parse_list(struct parse *p, const struct rp_yaml_tree *tree)
{
	const struct rp_yaml_node *root = rp_yaml_root(tree);
	const struct rp_yaml_node *list;
	int err = RP_OK;

	/* A file cut to nothing must not take all endpoints away; `endpoints: []` says that. */
	if (root == NULL || root->kind == RP_YAML_NULL)
		return rp_diag_set(p->diag, RP_EFORMAT, 0, 0,
				   "is empty: write \"endpoints: []\" for no endpoints");
	if (root->kind != RP_YAML_MAP)
		return wrong_kind(p, root, "the file", "mapping with the key endpoints");
	list = find(root, "endpoints");
	if (list == NULL)
		return RP_OK;
	if (list->kind != RP_YAML_SEQ)
		return wrong_kind(p, list, "endpoints", "list");
	/* No more labels than nodes, no more endpoints than children. */
	p->set.endpoint = calloc((size_t)list->count + 1, sizeof(*p->set.endpoint));
	p->set.label = calloc((size_t)tree->count + 1, sizeof(*p->set.label));
	if (p->set.endpoint == NULL || p->set.label == NULL)
		return rp_diag_set(p->diag, -ENOMEM, 0, 0, "out of memory");
	for (const struct rp_yaml_node *entry = rp_yaml_first(list); err == RP_OK && entry != NULL;
	     entry = rp_yaml_next(list, entry))
		err = parse_entry(p, entry);
	return err;
}

/* Of the valid entries, those beyond the bound go; which ones is as good as any, but always the
 * same. */
static void cut_to_bound(struct parse *p)
{
	if (p->set.count <= p->endpoints_max)
		return;
	if (p->refused == 0)
		(void)rp_diag_set(p->diag, RP_ETOOBIG, 0, 0,
				  "%zu endpoints are more than --max-endpoints=%u", p->set.count,
				  p->endpoints_max);
	p->refused += p->set.count - p->endpoints_max;
	p->set.count = p->endpoints_max;
}

int rp_discovery_file_parse(const char *file_name, struct rp_bytes text, uint32_t endpoints_max,
			    struct rp_endpoint_set *ret_set, size_t *ret_refused,
			    struct rp_diag *reterr)
{
	struct rp_diag unread;
	struct parse p = {.endpoints_max = endpoints_max,
			  .diag = reterr != NULL ? reterr : &unread};
	struct rp_yaml_tree *tree;
	int err;

	*p.diag = (struct rp_diag){0};
	snprintf(p.diag->file, sizeof(p.diag->file), "%s", file_name);
	if (text.len > RP_ENDPOINTS_FILE_BYTES_MAX)
		return rp_diag_set(p.diag, RP_ETOOBIG, 0, 0, "is larger than %u bytes",
				   RP_ENDPOINTS_FILE_BYTES_MAX);
	tree = calloc(1, sizeof(*tree));
	if (tree == NULL)
		return rp_diag_set(p.diag, -ENOMEM, 0, 0, "out of memory");
	err = rp_yaml_parse(text, tree, p.diag);
	if (err != RP_OK) {
		free(tree);
		return err;
	}
	p.set.text = tree;
	p.set.free_text = free_tree;
	err = parse_list(&p, tree);
	if (err == RP_OK)
		err = rp_endpoint_set_normalize(&p.set);
	if (err != RP_OK) {
		rp_endpoint_set_fini(&p.set);
		return err;
	}
	cut_to_bound(&p);
	*ret_set = p.set;
	*ret_refused = p.refused;
	return RP_OK;
}
