/* SPDX-License-Identifier: Apache-2.0
 *
 * Parameters of token-producer, read as control reads them.
 */
#include <stdlib.h>

#include "config/model.h"
#include "tests/golden/golden.h"

int golden_token_params(const cJSON *parameters, struct rp_params_token_producer *ret)
{
	struct rp_model *model = calloc(1, sizeof(*model));
	struct rp_model_plugin plugin = {.type = RP_PLUGIN_TOKEN_PRODUCER};
	char *text = cJSON_PrintUnformatted(parameters);
	struct rp_diag diag = {0};
	struct rp_yaml_tree tree;
	int err;

	RP_ASSERT(text != NULL && model != NULL);
	model->diag = &diag;
	err = rp_yaml_parse(rp_bytes_str(text), &tree, &diag);
	if (err == RP_OK) {
		plugin.parameters = rp_yaml_root(&tree);
		err = rp_plugin_read_params(model, &plugin, NULL);
		*ret = plugin.params.token_producer;
		rp_yaml_free(&tree);
	}
	free(text);
	free(model);
	return err;
}
