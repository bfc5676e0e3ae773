/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/media_estimate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/sched_bed.h"

static struct rp_image_size image_of(struct rp_bytes url, size_t step)
{
	struct rp_image_size image;

	rp_image_size_init(&image, false);
	for (size_t at = 0; at < url.len; at += step)
		rp_image_size_feed(&image, rp_bytes_slice(url, at, step));
	return image;
}

static void sizes_are_read_however_the_url_is_cut(void **state RP_UNUSED)
{
	static const struct {
		const char *url;
		uint32_t width; /* 0: unknown */
		uint32_t height;
	} cases[] = {
		{"data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwC", 1, 1},
		{"data:image/gif;base64,R0lGODlhAAhAAA==", 2048, 64},
		{"data:image/jpeg;base64,/9j/4AAEAAD/wAARCACAAEADAREAAhEBAxEB", 64, 128},
		{"data:image/jpeg;base64,/9j/////4AAEAAD/wAARCACAAEADAREAAhEBAxEB", 64, 128},
		{"data:image/jpeg;base64,/9j/2Q==", 0, 0},
		/* a lossless frame, one of two components, a bit depth that PNG has not */
		{"data:image/jpeg;base64,/9j/4AAEAAD/wwARCACAAEADAREAAhEBAxEB", 0, 0},
		{"data:image/jpeg;base64,/9j/4AAEAAD/wAAOCACAAEACAREAAhEB", 0, 0},
		{"data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABAwAAAAC1HAwC", 0, 0},
		{"data:image/x;long=parameters;that=go;on=and;on=and;on;base64,R0lGODlhAAhAAA==",
		 2048, 64},
		{"data:text/plain;base64,R0lGODlhAAhAAA==", 0, 0},
		{"data:image/gif;bbase64,R0lGODlhAAhAAA==", 2048, 64},
		{"data:image/png,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwC", 0, 0},
		{"data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAA", 0, 0},
		{"data:image/png;base64,!", 0, 0},
		{"http://x/a.png", 0, 0},
		{"", 0, 0},
	};

	for (size_t i = 0; i < RP_ARRAY_LEN(cases); i++) {
		struct rp_bytes url = rp_bytes_str(cases[i].url);

		for (size_t step = 1; step <= url.len + 1; step++) {
			struct rp_image_size image = image_of(url, step);

			assert_int_equal(image.state == RP_IMAGE_DONE, cases[i].width != 0);
			if (cases[i].width == 0)
				continue;
			assert_int_equal(image.width, cases[i].width);
			assert_int_equal(image.height, cases[i].height);
		}
	}
}

static void images_count_by_area_or_by_a_fixed_number(void **state RP_UNUSED)
{
	struct rp_params_token_producer params = rp_bed_token_params;
	struct rp_image_size image =
		image_of(RP_BYTES_LIT("data:image/gif;base64,R0lGODlhAAhAAA=="), SIZE_MAX / 2);
	struct rp_image_size unknown = image_of(RP_BYTES_LIT("http://x"), 100);

	assert_int_equal(rp_media_image_tokens(&params, &image), 128);
	assert_int_equal(rp_media_image_tokens(&params, &unknown), 225);
	params.image_factor = 64;
	assert_int_equal(rp_media_image_tokens(&params, &image), 2048);
	params.is_image_static = 1;
	params.image_static_tokens = 7;
	assert_int_equal(rp_media_image_tokens(&params, &image), 7);
}

static uint64_t video(const struct rp_params_token_producer *params, const char *fps,
		      const char *seconds, const char *resolution)
{
	struct rp_request_hints hints = {
		.video_fps = rp_bytes_str(fps),
		.video_duration_seconds = rp_bytes_str(seconds),
		.video_resolution = rp_bytes_str(resolution),
	};

	return rp_media_video_tokens(params, &hints);
}

static void videos_count_by_frames(void **state RP_UNUSED)
{
	struct rp_params_token_producer params = rp_bed_token_params;

	assert_int_equal(rp_media_video_tokens(&params, NULL), 20 * 225);
	assert_int_equal(video(&params, "", "1", "64x64"), 2 * 4);
	assert_int_equal(video(&params, "", "1", " 64 X 64 "), 2 * 4);
	assert_int_equal(video(&params, "", "1", "8x8"), 2);
	assert_int_equal(video(&params, "", " 1", "64x64"), 20 * 4);
	assert_int_equal(video(&params, "60", "1.9", "64x64"), 3 * 4);
	assert_int_equal(video(&params, "", "-1", "64"), 20 * 225);
	assert_int_equal(video(&params, "", "x", "0x9"), 20 * 225);
	params.frames_min = 4;
	params.frames_max = 6;
	params.temporal_patch_size = 2;
	assert_int_equal(video(&params, "", "1", "64x64"), 2 * 4);
	assert_int_equal(video(&params, "", "9", "64x64"), 3 * 4);
	params.video_tokens_max = 5;
	assert_int_equal(video(&params, "", "9", "64x64"), 5);
	params = rp_bed_token_params;
	params.is_strided = 1;
	params.frame_stride = 8;
	params.is_frame_static = 1;
	params.frame_static_tokens = 10;
	assert_int_equal(video(&params, "", "", ""), 30 * 10);
	assert_int_equal(video(&params, "8", "2", ""), 2 * 10);
	params.frames_min = 3;
	assert_int_equal(video(&params, "8", "2", ""), 3 * 10);
}

static void absurd_hints_do_not_overflow(void **state RP_UNUSED)
{
	assert_true(video(&rp_bed_token_params, "1e300", "1e300", "4294967295x4294967295") > 0);
	assert_true(video(&rp_bed_token_params, "inf", "inf", "99999999999x1") > 0);
	assert_true(video(&rp_bed_token_params, "nan", "nan", "1x1") == 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_are_read_however_the_url_is_cut),
		cmocka_unit_test(images_count_by_area_or_by_a_fixed_number),
		cmocka_unit_test(videos_count_by_frames),
		cmocka_unit_test(absurd_hints_do_not_overflow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
