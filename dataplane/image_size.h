/* SPDX-License-Identifier: Apache-2.0
 *
 * Width and height of a PNG, JPEG or GIF inside a data URL, from its first bytes. The URL comes in
 * pieces; nothing is kept but a few bytes of state.
 */
#ifndef RP_DATAPLANE_IMAGE_SIZE_H
#define RP_DATAPLANE_IMAGE_SIZE_H

#include "shm/bytes.h"

enum rp_image_state {
	RP_IMAGE_URL,	  /* before the data of the data URL */
	RP_IMAGE_MAGIC,	  /* the first bytes of the image */
	RP_IMAGE_HEADER,  /* PNG, GIF: the fixed header */
	RP_IMAGE_MARKER,  /* JPEG: between segments */
	RP_IMAGE_SEGMENT, /* JPEG: skipping a segment */
	RP_IMAGE_FRAME,	  /* JPEG: inside the frame header */
	RP_IMAGE_DONE,
	RP_IMAGE_UNKNOWN,
};

enum { RP_IMAGE_HEAD_BYTES = 64 };

struct rp_image_size {
	enum rp_image_state state;
	uint32_t width; /* valid in RP_IMAGE_DONE */
	uint32_t height;
	uint32_t head_len;
	uint32_t head_want;
	uint32_t skip;	  /* JPEG: bytes of the segment left */
	uint32_t sextets; /* base64 bits not yet made a byte */
	uint32_t bits;
	uint8_t head[RP_IMAGE_HEAD_BYTES];
};

/** @param is_data  base64 alone comes, not a URL */
void rp_image_size_init(struct rp_image_size *image, bool is_data);

/** Take more characters. */
void rp_image_size_feed(struct rp_image_size *image, struct rp_bytes url);

#endif /* RP_DATAPLANE_IMAGE_SIZE_H */
