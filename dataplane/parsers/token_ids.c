/* SPDX-License-Identifier: Apache-2.0
 *
 * A prompt given as token ids.
 */
#include <math.h>
#include <stdlib.h>

#include "dataplane/parsers/parser.h"

int rp_token_ids_read(struct rp_bytes number, uint32_t *ret_id)
{
	char text[RP_JSON_TEXT_BYTES + 1];
	uint64_t id;
	double value;

	if (rp_bytes_to_u64(number, UINT32_MAX, &id) == RP_OK) {
		*ret_id = (uint32_t)id;
		return RP_OK;
	}
	/* 1e2 and 7.0 are whole, too */
	rp_bytes_to_str(number, text, sizeof(text));
	value = strtod(text, NULL);
	if (!(value >= 0 && value <= UINT32_MAX) || value != floor(value))
		return RP_EFORMAT;
	*ret_id = (uint32_t)value;
	return RP_OK;
}

void rp_token_ids_add(struct rp_request_parser *parser, uint32_t id)
{
	parser->id_count++;
	if (parser->id_count > RP_PROMPT_TOKENS_MAX)
		return;
	if (parser->ids_last == NULL || parser->ids_last->count == RP_ID_BLOCK_IDS) {
		struct rp_id_block *block = rp_arena_alloc(parser->arena, sizeof(*block));

		if (block == NULL) {
			parser->err = RP_ENOMEM;
			return;
		}
		block->next = NULL;
		block->count = 0;
		if (parser->ids_last != NULL)
			parser->ids_last->next = block;
		else
			parser->ids = block;
		parser->ids_last = block;
	}
	parser->ids_last->id[parser->ids_last->count++] = id;
}
