/* Residual networks as JSON. */
#include "model/resnet.h"

const struct fl_param fl_resnet_params[] = {
	{ "out", FL_P_INT, offsetof(struct fl_resnet, out), "10", 1, 1 << 24, NULL, "n",
	  "classes" },
	{ "groups", FL_P_INT, offsetof(struct fl_resnet, groups), "2", 1, 16, NULL, "n",
	  "groups of GroupNorm; must divide the channels" },
	{ 0 }
};

/* A convolution without bias and its norm. */
static void conv(const struct fl_resnet *p, const char *name, const char *norm, int out,
                 int kernel, int stride, struct fl_str *s)
{
	fl_str_addf(s, "{\"layer\":\"conv2d\",\"name\":\"%s\",\"out\":%d,\"kernel\":%d,"
	            "\"stride\":%d,\"padding\":%d,\"bias\":false,\"init\":\"kaiming\"},"
	            "{\"layer\":\"groupnorm\",\"name\":\"%s\",\"groups\":%lld}",
	            name, out, kernel, stride, kernel / 2, norm, (long long)p->groups);
}

static void block(const struct fl_resnet *p, int stage, int i, int in, int out, struct fl_str *s)
{
	int stride = stage > 0 && i == 0 ? 2 : 1;

	fl_str_addf(s, ",{\"layer\":\"residual\",\"name\":\"layer%d.%d\",\"body\":[", stage + 1, i);
	conv(p, "conv1", "bn1", out, 3, stride, s);
	fl_str_add(s, ",{\"layer\":\"relu\"},");
	conv(p, "conv2", "bn2", out, 3, 1, s);
	fl_str_add(s, "],\"shortcut\":[");
	if (stride > 1 || in != out)
		conv(p, "downsample.0", "downsample.1", out, 1, stride, s);
	fl_str_add(s, "]},{\"layer\":\"relu\"}");
}

int fl_resnet_json(const struct fl_resnet *p, const int *width, int stages, int blocks,
                   struct fl_str *out, struct fl_err *e)
{
	fl_str_add(out, "{\"input\":[3,32,32],\"layers\":[");
	conv(p, "conv1", "bn1", width[0], 3, 1, out);
	fl_str_add(out, ",{\"layer\":\"relu\"}");
	for (int s = 0; s < stages; s++)
		for (int i = 0; i < blocks; i++)
			block(p, s, i, width[s && !i ? s - 1 : s], width[s], out);
	fl_str_addf(out, ",{\"layer\":\"globalpool\"},{\"layer\":\"flatten\"},"
	            "{\"layer\":\"linear\",\"name\":\"fc\",\"out\":%lld}]}", (long long)p->out);
	return fl_str_check(out, e);
}
