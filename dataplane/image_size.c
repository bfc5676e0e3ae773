/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/image_size.h"

enum { PNG_HEAD = 29, GIF_HEAD = 10, JPEG_SEGMENT_HEAD = 4, JPEG_FRAME_HEAD = 6 };

static uint32_t be16(const uint8_t *at)
{
	return (uint32_t)at[0] << 8 | at[1];
}

static uint32_t be32(const uint8_t *at)
{
	return be16(at) << 16 | be16(at + 2);
}

static void done(struct rp_image_size *image, uint32_t width, uint32_t height)
{
	image->state = RP_IMAGE_DONE;
	image->width = width;
	image->height = height;
}

static void want(struct rp_image_size *image, enum rp_image_state state, uint32_t bytes)
{
	image->state = state;
	image->head_len = 0;
	image->head_want = bytes;
}

/* A frame header gives the size (ITU-T T.81, B.1.1.3). The reference implementation decodes
 * baseline, extended sequential and progressive frames; C4 is no frame, the others are beyond it.
 */
static bool is_frame(uint8_t marker)
{
	return marker >= 0xc0 && marker <= 0xc2;
}

static bool is_other_frame(uint8_t marker)
{
	return marker > 0xc2 && marker <= 0xcf && marker != 0xc4;
}

/* Precision, height, width, number of components. */
static void jpeg_frame(struct rp_image_size *image)
{
	const uint8_t *head = image->head;

	if (head[0] == 8 && (head[5] == 1 || head[5] == 3 || head[5] == 4))
		done(image, be16(head + 3), be16(head + 1));
	else
		image->state = RP_IMAGE_UNKNOWN;
}

/* Depths that a colour type may have, one bit each (PNG, 11.2.1). */
static bool is_png_depth(uint8_t depth, uint8_t colour)
{
	static const uint32_t depths[] = {
		[0] = 1u << 1 | 1u << 2 | 1u << 4 | 1u << 8 | 1u << 16,
		[2] = 1u << 8 | 1u << 16,
		[3] = 1u << 1 | 1u << 2 | 1u << 4 | 1u << 8,
		[4] = 1u << 8 | 1u << 16,
		[6] = 1u << 8 | 1u << 16,
	};

	return colour < RP_ARRAY_LEN(depths) && depth <= 16 && (depths[colour] >> depth & 1) != 0;
}

/* IHDR: width, height, depth, colour type, compression, filter, interlace. */
static void png_header(struct rp_image_size *image)
{
	const uint8_t *head = image->head;

	if (memcmp(head, "\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 16) == 0 &&
	    is_png_depth(head[24], head[25]) && head[26] == 0 && head[27] == 0 && head[28] <= 1)
		done(image, be32(head + 16), be32(head + 20));
	else
		image->state = RP_IMAGE_UNKNOWN;
}

/* "FF marker length" of a JPEG segment. */
static void jpeg_segment(struct rp_image_size *image)
{
	uint8_t marker = image->head[1];
	uint32_t len = be16(image->head + 2);

	if (image->head[0] != 0xff || marker == 0xd9 || marker == 0xda || is_other_frame(marker) ||
	    len < 2) {
		image->state = RP_IMAGE_UNKNOWN;
	} else if (is_frame(marker)) {
		want(image, RP_IMAGE_FRAME, JPEG_FRAME_HEAD);
	} else if (len > 2) {
		image->state = RP_IMAGE_SEGMENT;
		image->skip = len - 2;
	} else {
		want(image, RP_IMAGE_MARKER, JPEG_SEGMENT_HEAD);
	}
}

static void magic(struct rp_image_size *image)
{
	if (memcmp(image->head, "\xff\xd8", 2) == 0) {
		want(image, RP_IMAGE_MARKER, JPEG_SEGMENT_HEAD);
	} else if (memcmp(image->head, "\x89P", 2) == 0) {
		image->state = RP_IMAGE_HEADER;
		image->head_want = PNG_HEAD;
	} else if (memcmp(image->head, "GI", 2) == 0) {
		image->state = RP_IMAGE_HEADER;
		image->head_want = GIF_HEAD;
	} else {
		image->state = RP_IMAGE_UNKNOWN;
	}
}

static void header(struct rp_image_size *image)
{
	const uint8_t *head = image->head;

	if (head[0] == 0x89)
		png_header(image);
	else if (memcmp(head, "GIF87a", 6) == 0 || memcmp(head, "GIF89a", 6) == 0)
		done(image, (uint32_t)head[7] << 8 | head[6], (uint32_t)head[9] << 8 | head[8]);
	else
		image->state = RP_IMAGE_UNKNOWN;
}

static void take_byte(struct rp_image_size *image, uint8_t byte)
{
	if (image->state == RP_IMAGE_SEGMENT) {
		if (--image->skip == 0)
			want(image, RP_IMAGE_MARKER, JPEG_SEGMENT_HEAD);
		return;
	}
	/* Any number of FF may fill the space before a marker. */
	if (image->state == RP_IMAGE_MARKER && image->head_len == 1 && byte == 0xff)
		return;
	image->head[image->head_len++] = byte;
	if (image->head_len < image->head_want)
		return;
	if (image->state == RP_IMAGE_MAGIC)
		magic(image);
	else if (image->state == RP_IMAGE_HEADER)
		header(image);
	else if (image->state == RP_IMAGE_MARKER)
		jpeg_segment(image);
	else if (image->state == RP_IMAGE_FRAME)
		jpeg_frame(image);
}

static int sextet(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+')
		return 62;
	return c == '/' ? 63 : -1;
}

static void take_base64(struct rp_image_size *image, uint8_t c)
{
	int value = sextet(c);

	if (value < 0) {
		/* Go's decoder passes over line ends; padding means that nothing follows. */
		if (c != '\r' && c != '\n')
			image->state = RP_IMAGE_UNKNOWN;
		return;
	}
	image->sextets = image->sextets << 6 | (uint32_t)value;
	image->bits += 6;
	if (image->bits >= 8) {
		image->bits -= 8;
		take_byte(image, (uint8_t)(image->sextets >> image->bits));
	}
}

/* The URL's own head: it says that it is an image, and the data comes behind "base64,". How
 * much was seen of the one is in skip, of the other in head_len. */
static void take_url(struct rp_image_size *image, uint8_t c)
{
	static const char scheme[] = "data:image/", encoding[] = "base64,";
	bool is_in_scheme = image->skip < sizeof(scheme) - 1;

	if (is_in_scheme) {
		if (c != (uint8_t)scheme[image->skip++])
			image->state = RP_IMAGE_UNKNOWN;
		return;
	}
	/* Its first letter does not come again in it. */
	if (c == (uint8_t)encoding[image->head_len])
		image->head_len++;
	else
		image->head_len = c == (uint8_t)encoding[0];
	if (image->head_len == sizeof(encoding) - 1)
		want(image, RP_IMAGE_MAGIC, 2);
}

void rp_image_size_init(struct rp_image_size *image, bool is_data)
{
	memset(image, 0, sizeof(*image));
	if (is_data)
		want(image, RP_IMAGE_MAGIC, 2);
}

void rp_image_size_feed(struct rp_image_size *image, struct rp_bytes url)
{
	for (size_t i = 0; i < url.len; i++) {
		if (image->state == RP_IMAGE_DONE || image->state == RP_IMAGE_UNKNOWN)
			return;
		if (image->state == RP_IMAGE_URL)
			take_url(image, url.ptr[i]);
		else
			take_base64(image, url.ptr[i]);
	}
}
