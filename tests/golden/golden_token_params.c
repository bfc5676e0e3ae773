/* SPDX-License-Identifier: Apache-2.0
 *
 * Parameters of token-producer, read as control reads them.
 */
#include <stdlib.h>

#include "config/token_params.h"
#include "config/yaml_tree.h"
#include "tests/golden/golden.h"

int golden_token_params(const cJSON *parameters, struct rp_params_token_producer *ret)
{
	char *text = cJSON_PrintUnformatted(parameters);
	struct rp_diag diag = {0};
	struct rp_yaml_tree tree;
	int err;

	RP_ASSERT(text != NULL);
	err = rp_yaml_parse(rp_bytes_str(text), &tree, &diag);
	if (err == RP_OK) {
		err = rp_token_read_params(&diag, NULL, rp_yaml_root(&tree), ret);
		rp_yaml_free(&tree);
	}
	free(text);
	return err;
}
