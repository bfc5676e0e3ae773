/* SPDX-License-Identifier: Apache-2.0
 *
 * Which request headers the plugins of a configuration read: those that their parameters name, and
 * those that a type always reads.
 */
#include "config/model.h"
#include "config/param_table.h"

static const struct {
	enum rp_plugin_type type;
	const char *header;
} fixed[] = {
	{RP_PLUGIN_HEADER_BASED_TESTING_FILTER, "test-epp-endpoint-selection"},
	{RP_PLUGIN_LATENCY_SLO_ADMITTER, "x-llm-d-slo-ttft-ms"},
	{RP_PLUGIN_LATENCY_SLO_ADMITTER, "x-slo-ttft-ms"},
	{RP_PLUGIN_LATENCY_SLO_ADMITTER, "x-llm-d-slo-tpot-ms"},
	{RP_PLUGIN_LATENCY_SLO_ADMITTER, "x-slo-tpot-ms"},
};

/* Names found so far; the strings lie in the pool. */
struct found {
	struct rp_model *model;
	uint32_t count;
	struct rp_config_str name[RP_PLUGIN_HEADERS_MAX];
	int err;
};

static void add(struct found *found, struct rp_config_str name)
{
	struct rp_bytes text = rp_pool_str(&found->model->pool, name);

	if (text.len == 0 || found->err != RP_OK)
		return;
	for (uint32_t i = 0; i < found->count; i++) {
		if (rp_bytes_equal(rp_pool_str(&found->model->pool, found->name[i]), text))
			return;
	}
	if (found->count == RP_PLUGIN_HEADERS_MAX) {
		found->err = rp_diag_set(found->model->diag, RP_ETOOBIG, 0, 0,
					 "plugins read more than %u different request headers",
					 RP_PLUGIN_HEADERS_MAX);
		return;
	}
	found->name[found->count++] = name;
}

static void add_text(struct found *found, const char *text)
{
	struct rp_config_str name;

	if (found->err == RP_OK)
		found->err = rp_pool_put_str(&found->model->pool, rp_bytes_str(text), &name);
	if (found->err == RP_OK)
		add(found, name);
}

static struct rp_config_str str_at(const void *params, uint32_t offset)
{
	struct rp_config_str str;

	memcpy(&str, (const uint8_t *)params + offset, sizeof(str));
	return str;
}

/* The header in each element of a list, which is the parameter whose name comes before the []. */
static void add_of_elements(struct found *found, const void *params, const struct rp_param *table,
			    size_t count, const struct rp_param *item)
{
	size_t len = (size_t)(strstr(item->name, "[].") - item->name);

	for (size_t i = 0; i < count; i++) {
		struct rp_config_list list;

		if (strncmp(table[i].name, item->name, len) != 0 || table[i].name[len] != '\0')
			continue;
		memcpy(&list, (const uint8_t *)params + table[i].offset, sizeof(list));
		const uint8_t *element = rp_pool_list(&found->model->pool, list);

		for (uint32_t k = 0; k < list.count; k++, element += table[i].element_bytes)
			add(found, str_at(element, item->offset));
	}
}

static void add_of_list(struct found *found, const void *params, uint32_t offset)
{
	struct rp_config_list list;

	memcpy(&list, (const uint8_t *)params + offset, sizeof(list));
	const struct rp_config_str *name = rp_pool_list(&found->model->pool, list);

	for (uint32_t i = 0; i < list.count; i++)
		add(found, name[i]);
}

static void add_of_plugin(struct found *found, const struct rp_model_plugin *plugin)
{
	size_t count;
	const struct rp_param *table = rp_param_set(rp_plugin_type_params(plugin->type), &count);

	for (size_t i = 0; i < count; i++) {
		const struct rp_param *param = &table[i];

		if (param->kind == RP_PARAM_HEADERS)
			add_of_list(found, &plugin->params, param->offset);
		else if (param->kind == RP_PARAM_HEADER && strstr(param->name, "[].") != NULL)
			add_of_elements(found, &plugin->params, table, count, param);
		else if (param->kind == RP_PARAM_HEADER)
			add(found, str_at(&plugin->params, param->offset));
	}
	for (size_t i = 0; i < RP_ARRAY_LEN(fixed); i++) {
		if (fixed[i].type == plugin->type)
			add_text(found, fixed[i].header);
	}
	if (plugin->type == RP_PLUGIN_SESSION_ID_PRODUCER &&
	    plugin->params.session_id_producer.cookie_name.len > 0)
		add_text(found, "cookie");
}

int rp_model_complete_headers(struct rp_model *model)
{
	struct found found = {.model = model};

	for (uint32_t i = 0; i < model->plugin_count && found.err == RP_OK; i++)
		add_of_plugin(&found, &model->plugin[i]);
	if (found.err != RP_OK)
		return found.err;
	struct rp_config_str *names =
		rp_pool_put_list(&model->pool, found.count, sizeof(*names), &model->headers);

	if (names == NULL)
		return rp_diag_set(model->diag, RP_ETOOBIG, 0, 0,
				   "no room for the names of request headers");
	if (found.count > 0)
		memcpy(names, found.name, found.count * sizeof(*names));
	return RP_OK;
}
