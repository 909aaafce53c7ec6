/* Small network for crops of single cells, with any number of stains: blocks of
 * convolution, GroupNorm, relu and pooling, then the mean over what is left of the
 * plane, since where a cell lies in its crop says nothing. GroupNorm has no
 * statistics of a batch, which clients of other plates would not share. Named as
 * torch.nn.Sequential numbers the layers. */
#include "model/model.h"

struct cnn {
	int64_t channels, size, groups, out;
	struct fl_dims width;
};

static const struct fl_param params[] = {
	{ "channels", FL_P_INT, offsetof(struct cnn, channels), "5", 1, 1024, NULL, "n",
	  "stains, the first dimension of an example" },
	{ "size", FL_P_INT, offsetof(struct cnn, size), "64", 1, 4096, NULL, "n",
	  "height and width of a crop" },
	{ "width", FL_P_DIMS, offsetof(struct cnn, width), "16+32+64", 1, 1 << 16, NULL, "n+n",
	  "channels of each block, which halves the plane" },
	{ "groups", FL_P_INT, offsetof(struct cnn, groups), "8", 1, 1 << 16, NULL, "n",
	  "groups of GroupNorm; must divide every width" },
	{ "out", FL_P_INT, offsetof(struct cnn, out), "13", 1, 1 << 24, NULL, "n",
	  "classes" },
	{ 0 }
};

static int check(const struct cnn *p, struct fl_err *e)
{
	int64_t side = p->size;

	for (size_t i = 0; i < p->width.n; i++, side /= 2) {
		if (p->width.d[i] % p->groups)
			return fl_fail(e, FL_EUSAGE, "groups=%lld does not divide the width %lld",
			               (long long)p->groups, (long long)p->width.d[i]);
		if (side < 2)
			return fl_fail(e, FL_EUSAGE, "size=%lld cannot be halved %zu times",
			               (long long)p->size, p->width.n);
	}
	return 0;
}

static int json(const void *block, struct fl_str *out, struct fl_err *e)
{
	const struct cnn *p = block;

	if (check(p, e))
		return -1;
	fl_str_addf(out, "{\"input\":[%lld,%lld,%lld],\"layers\":[", (long long)p->channels,
	            (long long)p->size, (long long)p->size);
	for (size_t i = 0; i < p->width.n; i++)
		fl_str_addf(out, "{\"layer\":\"conv2d\",\"out\":%lld,\"kernel\":3,\"padding\":1,"
		            "\"bias\":false},{\"layer\":\"groupnorm\",\"groups\":%lld},"
		            "{\"layer\":\"relu\"},{\"layer\":\"maxpool\"},",
		            (long long)p->width.d[i], (long long)p->groups);
	fl_str_addf(out, "{\"layer\":\"globalpool\"},{\"layer\":\"flatten\"},"
	            "{\"layer\":\"linear\",\"out\":%lld}]}", (long long)p->out);
	return fl_str_check(out, e);
}

const struct fl_arch fl_arch_cellpainting_cnn = {
	.e = {
		.name = "cellpainting-cnn",
		.title = "CNN for crops of cells",
		.cite = "after VGG, Simonyan and Zisserman, ICLR 2015; GroupNorm: Wu and He, ECCV 2018",
		.doc = "any stains and size: blocks of conv, GroupNorm, relu, pool; global mean",
		.params = params,
		.psize = sizeof(struct cnn),
		.formula = "h_0 = x; h_i = maxpool2 relu(norm(conv3x3 h_i-1)); z = W mean(h_n) + b",
	},
	.json = json,
};
