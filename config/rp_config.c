/* SPDX-License-Identifier: Apache-2.0 */
#include "config/rp_config.h"

#include "config/effective.h"
#include "config/model.h"

int rp_response_processing_parse(struct rp_bytes word, enum rp_response_processing *ret)
{
	*ret = RP_RESPONSE_UNSET;
	if (rp_bytes_equal_str(word, "full"))
		*ret = RP_RESPONSE_FULL;
	else if (rp_bytes_equal_str(word, "skip"))
		*ret = RP_RESPONSE_SKIP;
	else if (word.len > 0)
		return RP_EFORMAT;
	return RP_OK;
}

void rp_config_decide_responses(struct rp_config_control *control, struct rp_config_blob *blob,
				enum rp_response_processing flag)
{
	enum rp_response_processing wanted =
		flag != RP_RESPONSE_UNSET ? flag : control->response_processing;

	blob->is_response_skipped =
		wanted == RP_RESPONSE_SKIP && control->response_reader[0] == '\0';
	if (wanted == RP_RESPONSE_SKIP && control->response_reader[0] != '\0')
		rp_config_warn(control,
			       "response processing: skip has no effect, plugin '%s' reads answers",
			       control->response_reader);
	else if (wanted == RP_RESPONSE_SKIP)
		rp_config_warn(control, "response processing: skip: load, token, duration and "
					"status figures do not cover answers");
}

int rp_config_load(const char *file_name, struct rp_bytes text, bool has_experimental,
		   uint64_t generation, struct rp_config_blob *blob, size_t blob_bytes,
		   struct rp_plugin_stat *stats, struct rp_config_control *ret_control,
		   struct rp_diag *reterr)
{
	struct rp_diag unused = {0};
	struct rp_effective *effective = NULL;
	int r;

	if (reterr == NULL)
		reterr = &unused;
	r = rp_effective_load(file_name, text, has_experimental, &effective, ret_control, reterr);
	if (r == RP_OK)
		r = rp_effective_check(effective, reterr);
	if (r == RP_OK)
		r = rp_effective_compile(effective, generation, blob, blob_bytes, stats, reterr);
	rp_effective_free(effective);
	return r;
}
