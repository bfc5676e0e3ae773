/* SPDX-License-Identifier: Apache-2.0
 *
 * The parts of a prompt: texts as they are, media by a run of their content's hash, as many tokens
 * as they are reckoned to take (scheduling reference 4.2).
 */
#define XXH_STATIC_LINKING_ONLY
#include "shm/hash.h"

#include "dataplane/media_estimate.h"
#include "dataplane/parsers/prompt_maker.h"

/* What is learnt of a medium while its text passes by. */
struct media {
	XXH64_state_t hash;
	uint64_t bytes;
	struct rp_image_size image;
};

static void media_put(void *user, struct rp_bytes piece)
{
	struct media *media = user;

	XXH64_update(&media->hash, piece.ptr, piece.len);
	media->bytes += piece.len;
	rp_image_size_feed(&media->image, piece);
}

static void media_read(struct media *media, struct rp_body_cursor *cursor,
		       const struct rp_part *part)
{
	struct rp_text_sink sink = rp_text_sink_to(media_put, media, UINT64_MAX);

	if (part->end != 0)
		rp_json_put_string(&sink, cursor, part->begin, part->end);
}

/* A data URL out of its type and its data. */
static void media_read_source(struct media *media, struct rp_body_cursor *cursor,
			      const struct rp_part *part)
{
	media_put(media, RP_BYTES_LIT("data:"));
	if (part->end - part->begin > 2)
		media_read(media, cursor, part);
	else
		media_put(media, RP_BYTES_LIT("image/jpeg"));
	media_put(media, RP_BYTES_LIT(";base64,"));
	media_read(media, cursor, part + 1);
}

static uint64_t media_tokens(const struct rp_prompt_maker *maker, enum rp_modality modality,
			     const struct media *media)
{
	uint64_t count;

	if (modality == RP_MODALITY_IMAGE)
		count = rp_media_image_tokens(maker->params, &media->image);
	else if (modality == RP_MODALITY_VIDEO)
		count = rp_media_video_tokens(maker->params, maker->hints);
	else
		count = (media->bytes + RP_TOKEN_BYTES - 1) / RP_TOKEN_BYTES;
	return rp_min_size(rp_max_size(count, 1), RP_MEDIA_TOKENS_MAX);
}

static void put_media(struct rp_prompt_maker *maker, const struct rp_part *part,
		      enum rp_modality modality)
{
	struct media media = {.bytes = 0};
	struct rp_media_feature feature = {.modality = modality, .text = rp_bytes("", 0)};
	uint8_t token[RP_TOKEN_BYTES];

	XXH64_reset(&media.hash, 0);
	rp_image_size_init(&media.image, part->kind == RP_PART_IMAGE_DATA);
	if (part->kind == RP_PART_IMAGE_TYPE)
		media_read_source(&media, &maker->cursor, part);
	else
		media_read(&media, &maker->cursor, part);
	if (part->kind == RP_PART_AUDIO)
		media_read(&media, &maker->cursor, part + 1);
	feature.hash = XXH64_digest(&media.hash);
	feature.length = media_tokens(maker, modality, &media);
	for (uint32_t i = 0; i < RP_TOKEN_BYTES; i++)
		token[i] = (uint8_t)(feature.hash >> (8 * i));
	rp_text_sink_pad(&maker->sink);
	feature.offset = maker->sink.total / RP_TOKEN_BYTES;
	rp_text_sink_repeat(&maker->sink, rp_bytes(token, sizeof(token)), feature.length);
	if (rp_prompt_maker_add_feature(maker, &feature) != RP_OK)
		maker->sink.err = RP_ENOMEM;
}

/* The bytes of the body, as they are. */
static void put_raw(struct rp_prompt_maker *maker, const struct rp_part *part)
{
	for (uint64_t at = part->begin; at < part->end;) {
		struct rp_bytes view = rp_body_cursor_view(&maker->cursor, at, part->end - at);

		RP_ASSERT(view.len > 0);
		rp_text_sink_put(&maker->sink, view);
		at += view.len;
	}
}

void rp_prompt_maker_put_part(struct rp_prompt_maker *maker, const struct rp_part *part)
{
	switch (part->kind) {
	case RP_PART_LINE:
		rp_text_sink_put(&maker->sink, RP_BYTES_LIT("\n"));
		break;
	case RP_PART_RAW:
		put_raw(maker, part);
		return;
	case RP_PART_IMAGE:
	case RP_PART_IMAGE_DATA:
	case RP_PART_IMAGE_TYPE:
		put_media(maker, part, RP_MODALITY_IMAGE);
		return;
	case RP_PART_VIDEO:
		put_media(maker, part, RP_MODALITY_VIDEO);
		return;
	case RP_PART_AUDIO:
		put_media(maker, part, RP_MODALITY_AUDIO);
		return;
	case RP_PART_FOLLOW:
		return;
	case RP_PART_ROLE:
	case RP_PART_TEXT:
	case RP_PART_SYSTEM:
		break;
	}
	if (part->end != 0)
		rp_json_put_string(&maker->sink, &maker->cursor, part->begin, part->end);
}
