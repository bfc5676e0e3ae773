/* SPDX-License-Identifier: Apache-2.0 */
#include "config/token_params.h"

#include <stdio.h>

#include "shm/limits.h"

/* A word out of two; absent is the first. */
static int decode_mode(struct rp_diag *diag, const struct rp_path *path,
		       const struct rp_yaml_node *node, struct rp_bytes mode, const char *first,
		       const char *second, uint32_t *ret_is_second)
{
	char at[128];

	*ret_is_second = rp_bytes_equal_str(mode, second);
	if (mode.len == 0 || *ret_is_second || rp_bytes_equal_str(mode, first))
		return RP_OK;
	rp_path_format(path, at, sizeof(at));
	return rp_decode_fail(diag, rp_yaml_get(node, "mode"), "%s.mode must be \"%s\" or \"%s\"",
			      at, first, second);
}

/* A mapping whose numbers must all lie in 0..max; 0 stands for the default. */
static int decode_numbers(struct rp_diag *diag, const struct rp_path *path,
			  const struct rp_yaml_node *node, const struct rp_field *fields,
			  size_t count)
{
	char at[128];
	int r = rp_decode_object(diag, path, node, fields, count, NULL);

	for (size_t i = 0; i < count && r == RP_OK; i++) {
		bool is_int = fields[i].kind == RP_FIELD_INT;
		bool is_double = fields[i].kind == RP_FIELD_DOUBLE;
		double value = is_int	   ? (double)*(const int64_t *)fields[i].out
			       : is_double ? *(const double *)fields[i].out
					   : 0.0;

		if (value >= 0.0 && value <= RP_TOKEN_PARAM_MAX)
			continue;
		rp_path_format(path, at, sizeof(at));
		r = rp_decode_fail(diag, rp_yaml_get(node, fields[i].name),
				   "%s.%s must be between 0 and %u", at, fields[i].name,
				   RP_TOKEN_PARAM_MAX);
	}
	return r;
}

static void set_default(int64_t *value, int64_t def)
{
	if (*value == 0)
		*value = def;
}

static int decode_resolution(struct rp_diag *diag, const struct rp_path *path,
			     const struct rp_yaml_node *node, int64_t *width, int64_t *height)
{
	const struct rp_field fields[] = {
		{"width", RP_FIELD_INT, width},
		{"height", RP_FIELD_INT, height},
	};
	const struct rp_path here = {path, "defaultResolution", 0};
	int r = decode_numbers(diag, &here, node, fields, RP_ARRAY_LEN(fields));

	set_default(width, 640);
	set_default(height, 360);
	return r;
}

/* {mode, dynamic: {factor}, static: {<name of the count>}}, and what else stands beside it */
static int decode_count(struct rp_diag *diag, const struct rp_path *path,
			const struct rp_yaml_node *dynamic, const struct rp_yaml_node *fixed,
			const char *fixed_name, int64_t *factor, int64_t *tokens)
{
	const struct rp_path dynamic_path = {path, "dynamic", 0};
	const struct rp_path fixed_path = {path, "static", 0};
	const struct rp_field dynamic_fields[] = {{"factor", RP_FIELD_INT, factor}};
	const struct rp_field fixed_fields[] = {{fixed_name, RP_FIELD_INT, tokens}};
	int r = decode_numbers(diag, &dynamic_path, dynamic, dynamic_fields, 1);

	if (r == RP_OK)
		r = decode_numbers(diag, &fixed_path, fixed, fixed_fields, 1);
	set_default(factor, 1024);
	set_default(tokens, 1);
	return r;
}

static int decode_image(struct rp_diag *diag, const struct rp_path *parent,
			const struct rp_yaml_node *node, struct rp_params_token_producer *p)
{
	const struct rp_path path = {parent, "image", 0};
	struct rp_bytes mode = RP_BYTES_LIT("");
	const struct rp_yaml_node *dynamic = NULL;
	const struct rp_yaml_node *fixed = NULL;
	const struct rp_yaml_node *resolution = NULL;
	const struct rp_field fields[] = {
		{"mode", RP_FIELD_STR, &mode},
		{"defaultResolution", RP_FIELD_MAP, &resolution},
		{"dynamic", RP_FIELD_MAP, &dynamic},
		{"static", RP_FIELD_MAP, &fixed},
	};
	int r = rp_decode_object(diag, &path, node, fields, RP_ARRAY_LEN(fields), NULL);

	if (r == RP_OK)
		r = decode_mode(diag, &path, node, mode, "dynamic", "static", &p->is_image_static);
	if (r == RP_OK)
		r = decode_count(diag, &path, dynamic, fixed, "staticToken", &p->image_factor,
				 &p->image_static_tokens);
	if (r == RP_OK)
		r = decode_resolution(diag, &path, resolution, &p->image_width, &p->image_height);
	return r;
}

static int decode_frames(struct rp_diag *diag, const struct rp_path *parent,
			 const struct rp_yaml_node *node, struct rp_params_token_producer *p)
{
	const struct rp_path path = {parent, "frames", 0};
	const struct rp_path sampled_path = {&path, "sampled", 0};
	const struct rp_path strided_path = {&path, "strided", 0};
	struct rp_bytes mode = RP_BYTES_LIT("");
	const struct rp_yaml_node *sampled = NULL;
	const struct rp_yaml_node *strided = NULL;
	const struct rp_field fields[] = {
		{"mode", RP_FIELD_STR, &mode},
		{"minFrames", RP_FIELD_INT, &p->frames_min},
		{"maxFrames", RP_FIELD_INT, &p->frames_max},
		{"sampled", RP_FIELD_MAP, &sampled},
		{"strided", RP_FIELD_MAP, &strided},
	};
	const struct rp_field sampled_fields[] = {
		{"sampleFPS", RP_FIELD_DOUBLE, &p->sample_fps},
		{"temporalPatchSize", RP_FIELD_INT, &p->temporal_patch_size},
	};
	const struct rp_field strided_fields[] = {
		{"defaultSourceFPS", RP_FIELD_DOUBLE, &p->source_fps},
		{"frameStride", RP_FIELD_INT, &p->frame_stride},
	};
	int r = decode_numbers(diag, &path, node, fields, RP_ARRAY_LEN(fields));

	if (r == RP_OK)
		r = decode_mode(diag, &path, node, mode, "sampled", "strided", &p->is_strided);
	if (r == RP_OK)
		r = decode_numbers(diag, &sampled_path, sampled, sampled_fields,
				   RP_ARRAY_LEN(sampled_fields));
	if (r == RP_OK)
		r = decode_numbers(diag, &strided_path, strided, strided_fields,
				   RP_ARRAY_LEN(strided_fields));
	set_default(&p->frame_stride, 1);
	return r;
}

static int decode_frame_tokens(struct rp_diag *diag, const struct rp_path *parent,
			       const struct rp_yaml_node *node, struct rp_params_token_producer *p)
{
	const struct rp_path path = {parent, "tokensPerFrame", 0};
	struct rp_bytes mode = RP_BYTES_LIT("");
	const struct rp_yaml_node *dynamic = NULL;
	const struct rp_yaml_node *fixed = NULL;
	const struct rp_field fields[] = {
		{"mode", RP_FIELD_STR, &mode},
		{"dynamic", RP_FIELD_MAP, &dynamic},
		{"static", RP_FIELD_MAP, &fixed},
	};
	int r = rp_decode_object(diag, &path, node, fields, RP_ARRAY_LEN(fields), NULL);

	if (r == RP_OK)
		r = decode_mode(diag, &path, node, mode, "dynamic", "static", &p->is_frame_static);
	if (r == RP_OK)
		r = decode_count(diag, &path, dynamic, fixed, "numTokensPerFrame", &p->frame_factor,
				 &p->frame_static_tokens);
	return r;
}

static int decode_video(struct rp_diag *diag, const struct rp_path *parent,
			const struct rp_yaml_node *node, struct rp_params_token_producer *p)
{
	const struct rp_path path = {parent, "video", 0};
	const struct rp_yaml_node *frame_tokens = NULL;
	const struct rp_yaml_node *frames = NULL;
	const struct rp_yaml_node *resolution = NULL;
	const struct rp_field fields[] = {
		{"tokensPerFrame", RP_FIELD_MAP, &frame_tokens},
		{"frames", RP_FIELD_MAP, &frames},
		{"defaultResolution", RP_FIELD_MAP, &resolution},
		{"defaultDuration", RP_FIELD_DOUBLE, &p->duration_s},
		{"maxVideoTokens", RP_FIELD_INT, &p->video_tokens_max},
	};
	int r = decode_numbers(diag, &path, node, fields, RP_ARRAY_LEN(fields));

	if (r == RP_OK)
		r = decode_frame_tokens(diag, &path, frame_tokens, p);
	if (r == RP_OK)
		r = decode_frames(diag, &path, frames, p);
	if (r == RP_OK)
		r = decode_resolution(diag, &path, resolution, &p->frame_width, &p->frame_height);
	if (p->duration_s <= 0.0)
		p->duration_s = 10.0;
	if (p->sample_fps <= 0.0)
		p->sample_fps = 2.0;
	if (p->source_fps <= 0.0)
		p->source_fps = 24.0;
	return r;
}

int rp_token_read_params(struct rp_diag *diag, const struct rp_path *path,
			 const struct rp_yaml_node *node, struct rp_params_token_producer *ret)
{
	const struct rp_path estimate_path = {NULL, "estimate", 0};
	const struct rp_yaml_node *estimate = NULL;
	const struct rp_yaml_node *vllm = NULL;
	const struct rp_yaml_node *uds = NULL;
	const struct rp_yaml_node *image = NULL;
	const struct rp_yaml_node *video = NULL;
	struct rp_bytes model_name = RP_BYTES_LIT("");
	const struct rp_field fields[] = {
		{"estimate", RP_FIELD_MAP, &estimate},
		{"vllm", RP_FIELD_MAP, &vllm},
		{"modelName", RP_FIELD_STR, &model_name},
		{"udsTokenizerConfig", RP_FIELD_MAP, &uds},
	};
	const struct rp_field estimate_fields[] = {
		{"image", RP_FIELD_MAP, &image},
		{"video", RP_FIELD_MAP, &video},
	};
	int r = rp_decode_object(diag, path, node, fields, RP_ARRAY_LEN(fields), NULL);

	*ret = (struct rp_params_token_producer){0};
	if (r != RP_OK)
		return r;
	bool has_vllm = vllm != NULL || (model_name.len > 0 && uds == NULL);

	if ((estimate != NULL) + has_vllm + (uds != NULL) > 1)
		return rp_decode_fail(
			diag, node,
			"only one of 'estimate', 'vllm' or 'udsTokenizerConfig' may be "
			"set; modelName belongs to the last two");
	r = rp_decode_object(diag, &estimate_path, estimate, estimate_fields,
			     RP_ARRAY_LEN(estimate_fields), NULL);
	if (r == RP_OK)
		r = decode_image(diag, &estimate_path, image, ret);
	if (r == RP_OK)
		r = decode_video(diag, &estimate_path, video, ret);
	return r;
}

const struct rp_yaml_node *rp_token_other_backend(const struct rp_yaml_node *parameters)
{
	static const char *const fields[] = {"udsTokenizerConfig", "vllm", "modelName"};

	for (size_t i = 0; i < RP_ARRAY_LEN(fields); i++) {
		const struct rp_yaml_node *value = rp_yaml_get(parameters, fields[i]);

		if (value != NULL && value->kind != RP_YAML_NULL &&
		    (value->kind != RP_YAML_STR || value->text.len > 0))
			return value;
	}
	return NULL;
}
