/* SPDX-License-Identifier: Apache-2.0
 *
 * What the functions of params_*.c need of the parameters that they look at.
 */
#include <stdarg.h>
#include <stdio.h>

#include "config/param_decode.h"

static int fail_full(const struct rp_param_reader *reader)
{
	const struct rp_yaml_node *at = reader->plugin->node;

	return rp_diag_set(reader->model->diag, RP_ETOOBIG, at == NULL ? 0 : at->line,
			   at == NULL ? 0 : at->column,
			   "the parameters of all plugins together are too large: at most %u KiB; "
			   "shorten them or their lists",
			   RP_CONFIG_BLOB_BYTES / 1024);
}

int rp_param_put_str(const struct rp_param_reader *reader, struct rp_bytes text,
		     struct rp_config_str *ret)
{
	return rp_pool_put_str(&reader->model->pool, text, ret) == RP_OK ? RP_OK
									 : fail_full(reader);
}

void *rp_param_put_list(const struct rp_param_reader *reader, uint32_t count, size_t element_bytes,
			struct rp_config_list *ret)
{
	void *room = rp_pool_put_list(&reader->model->pool, count, element_bytes, ret);

	if (room == NULL)
		fail_full(reader);
	return room;
}

struct rp_bytes rp_param_str(const struct rp_param_reader *reader, struct rp_config_str str)
{
	return rp_pool_str(&reader->model->pool, str);
}

const struct rp_yaml_node *rp_param_node(const struct rp_param_reader *reader, const char *name)
{
	const struct rp_yaml_node *node = reader->plugin->parameters;
	char key[160];

	while (node != NULL && *name != '\0') {
		size_t len = strcspn(name, ".");

		snprintf(key, sizeof(key), "%.*s", (int)len, name);
		node = rp_yaml_get(node, key);
		name += len + (name[len] == '.');
	}
	return node;
}

bool rp_param_is_given(const struct rp_param_reader *reader, const char *name)
{
	const struct rp_yaml_node *node = rp_param_node(reader, name);

	return node != NULL && node->kind != RP_YAML_NULL;
}

const struct rp_yaml_node *rp_param_element(const struct rp_yaml_node *list, uint32_t i)
{
	const struct rp_yaml_node *node = list == NULL ? NULL : rp_yaml_first(list);

	while (node != NULL && i-- > 0)
		node = rp_yaml_next(list, node);
	return node;
}

int rp_param_fail(const struct rp_param_reader *reader, const char *name, const char *format, ...)
{
	const struct rp_yaml_node *node = rp_param_node(reader, name);
	char text[RP_DIAG_MESSAGE_MAX];
	va_list args;

	if (node == NULL)
		node = reader->plugin->parameters;
	if (node == NULL)
		node = reader->plugin->node;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return rp_decode_fail(reader->model->diag, node, "%s", text);
}
