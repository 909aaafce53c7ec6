/* Nets from architectures: names, shapes, canonical text, errors; records. */
#include "model/model.h"
#include "tap.h"
#include "tensor/meta.h"
#include "tensor/stream.h"

#include <sys/stat.h>
#include <unistd.h>

static struct fl_err e;

static void names_of_mlp(void)
{
	struct fl_net net;

	if (!ok(!fl_model_net(&net, "mlp", 0, &e), "mlp builds from defaults"))
		return;
	is_int((long long)net.nparam, 6, "three layers of two tensors");
	is_str(net.param[0].name, "0.weight", "the first weight");
	is_str(net.param[2].name, "2.weight", "a relu counts as a module");
	is_str(net.param[5].name, "4.bias", "the last bias");
	is_int((long long)net.param[0].dim[0], 128, "the record holds (out,in): out");
	is_int((long long)net.param[0].dim[1], 784, "in");
	is_int((long long)net.weights, 109386, "numbers in a record");
	is_int((long long)fl_net_madds(&net), 784 * 128 + 128 * 64 + 64 * 10, "multiply-adds");
	is_int((long long)net.features, 64, "features are the last layer's input");
	is_int((long long)net.classes, 10, "classes");
	is_str(net.arch, "mlp:in=784,hidden=128+64,out=10", "canonical spec");
	for (size_t i = 0; i < net.nparam; i++)
		ok(net.param[i].off * sizeof(fl_real) % FL_ALIGN == 0, "%s is aligned",
		   net.param[i].name);
	fl_net_release(&net);
}

static int same_net(const struct fl_net *a, const struct fl_net *b)
{
	if (a->nparam != b->nparam || a->P != b->P || a->features != b->features ||
	    strcmp(a->arch, b->arch))
		return 0;
	for (size_t i = 0; i < a->nparam; i++)
		if (strcmp(a->param[i].name, b->param[i].name) || a->param[i].off != b->param[i].off ||
		    a->param[i].n != b->param[i].n)
			return 0;
	return 1;
}

static void round_trip(const char *arch, const char *canonical)
{
	struct fl_net a, b;

	if (!ok(!fl_model_net(&a, arch, 0, &e), "%.60s builds", arch)) {
		printf("# %s\n", e.msg);
		return;
	}
	is_str(a.arch, canonical, "canonical text");
	if (ok(!fl_model_net(&b, a.arch, 0, &e), "which builds")) {
		ok(same_net(&a, &b), "the same net");
		fl_net_release(&b);
	}
	fl_net_release(&a);
}

static void round_trips(void)
{
	round_trip("logreg:out=3,in=5", "logreg:in=5,out=3");
	round_trip("mlp:in=4,hidden=none,out=2", "mlp:in=4,hidden=none,out=2");
	round_trip("adafedadam-mlp", "adafedadam-mlp");
	round_trip(" {\"layers\":[{\"out\":3,\"layer\":\"linear\",\"bias\":false}],\"input\":[5]}",
	           "{\"input\":[5],\"layers\":[{\"layer\":\"linear\",\"name\":\"0\",\"out\":3,"
	           "\"bias\":false}],\"loss\":\"ce\",\"features\":0}");
	round_trip("{\"input\":[1,4,4],\"layers\":[{\"layer\":\"flatten\",\"name\":\"a \\\"b\"},"
	           "{\"layer\":\"linear\",\"out\":\"6\",\"name\":\"enc.0\"},{\"layer\":\"relu\"},"
	           "{\"layer\":\"linear\",\"out\":3}],\"loss\":\"ce\",\"features\":2}",
	           "{\"input\":[1,4,4],\"layers\":[{\"layer\":\"flatten\",\"name\":\"a \\\"b\"},"
	           "{\"layer\":\"linear\",\"name\":\"enc.0\",\"out\":6,\"bias\":true},"
	           "{\"layer\":\"relu\",\"name\":\"2\"},"
	           "{\"layer\":\"linear\",\"name\":\"3\",\"out\":3,\"bias\":true}],"
	           "\"loss\":\"ce\",\"features\":2}");
}

#define LINEAR(name, rest) \
	"{\"layer\":\"linear\",\"name\":\"" name "\"" rest ",\"out\":3,\"bias\":true}"
#define EXITS "{\"input\":[4],\"layers\":[" LINEAR("0", "") "," \
	"{\"layer\":\"relu\",\"name\":\"1\"}," LINEAR("exit", "") "," \
	LINEAR("3", ",\"from\":\"1\"") ",{\"layer\":\"concat\",\"name\":\"t\"," \
	"\"from\":\"input\",\"body\":[" LINEAR("a", "") "],\"shortcut\":[" LINEAR("b", "") "," \
	LINEAR("c", ",\"from\":\"input\"") "," LINEAR("d", ",\"from\":\"a\"") "]}," \
	LINEAR("5", ",\"from\":\"3\"") "],\"loss\":\"ce\","

/* What a layer reads, where it is not the one before it; and taps. */
static void branches_and_taps(void)
{
	struct fl_net net;

	round_trip(EXITS "\"features\":5,\"taps\":[{\"name\":\"e\",\"of\":[\"exit\"],\"loss\":\"ce\","
	           "\"weight\":0.3},{\"name\":\"t\",\"of\":[\"t.b\",\"t.c\",\"t\"]}]}",
	           EXITS "\"features\":5,\"taps\":[{\"name\":\"e\",\"of\":[\"exit\"],\"loss\":\"ce\","
	           "\"weight\":0.3},{\"name\":\"t\",\"of\":[\"t.b\",\"t.c\",\"t\"]}]}");
	round_trip("{\"input\":[4],\"layers\":[" LINEAR("a", ",\"from\":\"input\"") ","
	           LINEAR("b", ",\"from\":\"a\"")
	           "],\"taps\":[{\"of\":[\"b\"],\"loss\":\"mse\",\"name\":\"x\"}],\"weight\":2}",
	           "{\"input\":[4],\"layers\":[" LINEAR("a", "") "," LINEAR("b", "") "],\"loss\":\"ce\","
	           "\"weight\":2,\"features\":1,\"taps\":[{\"name\":\"x\",\"of\":[\"b\"],\"loss\":\"mse\","
	           "\"weight\":1}]}");
	if (!ok(!fl_model_net(&net, EXITS "\"taps\":[{\"name\":\"e\",\"of\":[\"exit\"],\"loss\":\"kd\"},"
	                      "{\"name\":\"t\",\"of\":[\"t\",\"t.b\",\"t.c\"]}]}", 0, &e), "taps build")) {
		printf("# %s\n", e.msg);
		return;
	}
	is_int((long long)net.ntap, 2, "as many as there are");
	is_int((long long)fl_net_tap(&net, "t"), 1, "found by name");
	is_int((long long)fl_net_tap(&net, "x"), 2, "or not");
	is_int((long long)net.tap[1].C, 12, "numbers side by side");
	is_int((long long)net.targets, 3, "targets of a tap's loss are the net's");
	is_int((long long)fl_net_feature_at(&net), 4, "features are what the layer reads");
	fl_net_release(&net);
}

#define BLOCK "{\"layer\":\"residual\",\"name\":\"b\",\"body\":[{\"layer\":\"linear\",\"out\":4," \
	"\"name\":\"fc\"},{\"layer\":\"residual\",\"body\":[{\"layer\":\"linear\",\"out\":4}]}]}"

static void names_in_blocks(void)
{
	struct fl_net net;

	if (!ok(!fl_model_net(&net, "{\"input\":[4],\"layers\":[{\"layer\":\"relu\"}," BLOCK "]}",
	                      0, &e), "nested blocks build"))
		return;
	is_str(net.param[0].name, "b.fc.weight", "names in a block are relative to it");
	is_str(net.param[2].name, "b.body.1.body.0.weight", "and numbered by list");
	is_int((long long)net.feature_layer, 1, "features are the input of the last block");
	is_str(net.arch, "{\"input\":[4],\"layers\":[{\"layer\":\"relu\",\"name\":\"0\"},"
	       "{\"layer\":\"residual\",\"name\":\"b\",\"body\":["
	       "{\"layer\":\"linear\",\"name\":\"fc\",\"out\":4,\"bias\":true},"
	       "{\"layer\":\"residual\",\"name\":\"body.1\",\"body\":["
	       "{\"layer\":\"linear\",\"name\":\"body.0\",\"out\":4,\"bias\":true}],"
	       "\"shortcut\":[]}],\"shortcut\":[]}],\"loss\":\"ce\",\"features\":1}",
	       "canonical text");
	round_trip(net.arch, net.arch);
	fl_net_release(&net);
}

static void names_of_preset(void)
{
	struct fl_net net;

	if (!ok(!fl_model_net(&net, "adafedadam-mlp", 0, &e), "the preset builds"))
		return;
	is_str(net.param[0].name, "encoder.0.weight", "names of its code: encoder.0");
	is_str(net.param[3].name, "encoder.2.bias", "encoder.2");
	is_str(net.param[4].name, "classifier.weight", "classifier");
	fl_net_release(&net);
}

#define PART(of) "{\"layer\":\"part\",\"name\":\"" of "\",\"of\":\"" of "\"}"
#define PARTS(layers) "{\"parts\":{\"b\":3,\"a\":[2,1],\"text\":[4]},\"layers\":[" layers "]}"

/* Several things an example, in an order of their own; a net above them is none of it. */
static void parts(void)
{
	struct fl_net net, head;

	round_trip(PARTS(PART("b") "," LINEAR("l", "")),
	           "{\"parts\":{\"text\":[4],\"a\":[2,1],\"b\":[3]},\"layers\":[" PART("b") ","
	           LINEAR("l", "") "],\"loss\":\"ce\",\"features\":1}");
	if (!ok(!fl_model_net(&net, PARTS(PART("b") "," LINEAR("l", "") ",{\"layer\":\"impute\"},"
	                                  LINEAR("m", "") "," LINEAR("n", "")), 0, &e), "parts build")) {
		printf("# %s\n", e.msg);
		return;
	}
	is_int((long long)fl_shape_count(&net.in), 9, "inputs are those of all parts");
	is_int((long long)net.part[2].at, 6, "text stands first, the others by name");
	ok(fl_net_head(&head, &net, 2, &e) && strstr(e.msg, "reads what is below"),
	   "what stands for a missing part is of no head");
	ok(!fl_net_head(&head, &net, 4, &e) && !head.npart, "layers above are");
	fl_net_release(&head);
	fl_net_release(&net);
}

static void refuses(const char *arch, const char *msg)
{
	struct fl_net net;

	memset(&e, 0, sizeof e);
	if (!ok(fl_model_net(&net, arch, 0, &e) && e.code == FL_EUSAGE, "refuses %.50s", arch))
		fl_net_release(&net);
	is_str(e.msg, msg, "and says why");
}

#define NET(layers) "{\"input\":[4],\"layers\":[" layers "]}"
#define IMAGE(layers) "{\"input\":[2,5,5],\"layers\":[" layers "]}"
#define LIN "{\"layer\":\"linear\",\"out\":3}"
#define TAPPED(taps) "{\"input\":[4],\"layers\":[" LIN "],\"taps\":[" taps "]}"

static void errors(void)
{
	refuses(NET(LIN ",{\"layer\":\"relu\",\"from\":\"2\"}"),
	        "architecture: layers[1]: from: no layer before is called '2'");
	refuses(NET(LIN ",{\"layer\":\"relu\",\"from\":0}"), "architecture: layers[1]: from: not a word");
	refuses(NET(LIN ",{\"layer\":\"relu\",\"name\":\"0\"}," LIN ","
	            "{\"layer\":\"relu\",\"from\":\"0\"}"),
	        "architecture: layers[3]: from: two layers are called '0'");
	refuses(NET(LIN ",{\"layer\":\"residual\",\"body\":[{\"layer\":\"relu\",\"from\":\"0\"}]}"),
	        "architecture: layers[1]: body[0]: from: no layer before is called '1.0'");
	refuses(NET(LIN "," LIN ",{\"layer\":\"relu\",\"from\":\"0\"}"),
	        "architecture: layers[1]: nothing reads its outputs");
	refuses(TAPPED("{\"name\":\"a\",\"of\":[\"0\"],\"los\":\"ce\"}"),
	        "architecture: taps[0]: unknown key 'los', did you mean 'loss'?");
	refuses(TAPPED("{\"name\":\"a b\",\"of\":[\"0\"]}"), "architecture: taps[0]: name: not a word of "
	        "1 to 64 letters, digits, '_', '-' and '.'");
	refuses(TAPPED("{\"name\":\"a\",\"of\":[\"0\"]},{\"name\":\"a\",\"of\":[\"0\"]}"),
	        "architecture: taps[1]: name: two taps are called 'a'");
	refuses(TAPPED("{\"name\":\"a\",\"of\":\"0\"}"),
	        "architecture: taps[0]: of: not a list of 1 to 64 names of layers");
	refuses(TAPPED("{\"name\":\"a\",\"of\":[\"x\"]}"),
	        "architecture: taps[0]: of: no layer before is called 'x'");
	refuses(TAPPED("{\"name\":\"a\",\"of\":[\"0\"],\"weight\":1}"),
	        "architecture: taps[0]: weight: there is no loss");
	refuses(TAPPED("{\"name\":\"a\",\"of\":[\"0\"],\"loss\":\"ce\",\"weight\":-1}"),
	        "architecture: taps[0]: weight: not a number in [0,1e+06]");
	refuses(TAPPED("{\"name\":\"a\",\"of\":[\"0\",\"0\"],\"loss\":\"ce\"}"),
	        "architecture: taps[0]: loss: ce: 6 numbers for the net's 3 classes");
	refuses(TAPPED("{\"name\":\"a\",\"of\":[\"0\"],\"loss\":\"kd\"},{\"name\":\"b\","
	               "\"of\":[\"0\",\"0\"],\"loss\":\"infonce\"}"),
	        "architecture: taps[1]: loss: infonce: wants targets of 6 numbers where others want 3");
	refuses(PARTS(LIN), "architecture: layers[0]: linear reads all parts at once; layer part takes one: "
	        "{\"layer\":\"part\",\"of\":\"text\"}");
	refuses(PARTS(PART("c")), "architecture: layers[0]: part: no part is called 'c'; there are text, a, b");
	refuses(NET(PART("c")), "architecture: layers[0]: part: the architecture has no \"parts\", such as "
	        "'c'");
	refuses(PARTS(PART("b") "," LIN "," PART("a")), "architecture: layers[2]: part: 'a' is a part of the "
	        "input, which \"from\":\"input\" reads there");
	refuses(PARTS(PART("b") "," LIN ",{\"layer\":\"fuse\",\"of\":\"a+b\"}"),
	        "architecture: layers[2]: fuse: 3 numbers are not those of 2 parts, all as wide");
	refuses(NET(LIN ",{\"layer\":\"impute\"}"),
	        "architecture: layers[1]: impute: what it reads does not come from one part alone");
	refuses("{\"parts\":{\"a b\":3},\"layers\":[" LIN "]}", "architecture: parts: 'a b' is not a word of "
	        "1 to 64 letters, digits, '_', '-' and '.'");
	refuses("{\"parts\":{\"a\":0},\"layers\":[" LIN "]}", "architecture: parts: a[0]: not a size, or the "
	        "shape is too large");
	refuses("{\"parts\":{},\"layers\":[" LIN "]}", "architecture: parts: not an object of 1 to 64 names "
	        "and sizes");
	refuses("{\"input\":[3],\"parts\":{\"a\":3},\"layers\":[" LIN "]}", "architecture: keys 'input' and "
	        "'parts' exclude each other");
	refuses(NET(LIN) "x", "architecture: line 1, column 52: end of file expected near 'x'");
	refuses("mpl", "no architecture 'mpl'; did you mean 'mlp'?");
	refuses("mlp:hiden=3", "mlp has no 'hiden'; did you mean 'hidden'?");
	refuses("mlp:hidden=0",
	        "mlp: hidden: '0' is not a list of whole numbers joined by '+' in [1,1048576]");
	refuses(NET(LIN "," LIN ",{\"layer\":\"linear\",\"ouput\":3}"),
	        "architecture: layers[2]: unknown key 'ouput', did you mean 'out'?");
	refuses(NET("{\"layer\":\"liner\",\"out\":3}"),
	        "architecture: layers[0]: unknown layer 'liner', did you mean 'linear'?");
	refuses(NET("{\"out\":3}"), "architecture: layers[0]: key 'layer' is missing");
	refuses(NET("{\"layer\":\"linear\"}"),
	        "architecture: layers[0]: linear: key 'out' is missing");
	refuses(NET("{\"layer\":\"linear\",\"out\":0}"),
	        "architecture: layers[0]: out: '0' is not a whole number in [1,16777216]");
	refuses(NET("{\"layer\":\"linear\",\"out\":null}"),
	        "architecture: layers[0]: out: not a number, a word, true, false or a list");
	refuses(NET("{\"layer\":\"linear\",\"out\":[2,\"x\"]}"),
	        "architecture: layers[0]: out: not a list of whole numbers");
	refuses(NET("3"), "architecture: layers[0]: not an object");
	refuses(NET(""), "architecture: layers: not a list of 1 to 4096 layers");
	refuses(NET("{\"layer\":\"relu\"}"), "architecture: no layer has parameters");
	refuses(NET("{\"layer\":\"linear\",\"out\":3,\"name\":\"@a\"}"),
	        "architecture: layers[0]: name: not a word of 1 to 255 bytes without '@' first");
	refuses(NET("{\"layer\":\"linear\",\"out\":3,\"name\":\"1\"}," LIN),
	        "architecture: two layers have a tensor '1.bias'");
	refuses(NET(LIN ",{\"layer\":\"append\",\"tensor\":\"running_var\"}"),
	        "architecture: layers[1]: append: tensor '1.running_var': such a name is for running "
	        "statistics, and these have no other");
	refuses(NET("{\"layer\":\"residual\"}"),
	        "architecture: layers[0]: key 'body' is missing, or an empty list");
	refuses(NET("{\"layer\":\"residual\",\"body\":3}"),
	        "architecture: layers[0]: body: not a list");
	refuses(NET("{\"layer\":\"residual\",\"body\":[" LIN "]}"),
	        "architecture: layers[0]: residual: the body brings 3, the shortcut 4");
	refuses(NET("{\"layer\":\"residual\",\"body\":[{\"layer\":\"relu\"},{}]}"),
	        "architecture: layers[0]: body[1]: key 'layer' is missing");
	refuses(NET("{\"layer\":\"residual\",\"body\":[{\"layer\":\"residual\",\"body\":["
	            LIN "]}]}"),
	        "architecture: layers[0]: body[0]: residual: the body brings 3, the shortcut 4");
	refuses(NET("{\"layer\":\"linear\",\"out\":3,\"body\":[" LIN "]}"),
	        "architecture: layers[0]: unknown key 'body'");
	refuses(NET("{\"layer\":\"conv2d\",\"out\":3}"),
	        "architecture: layers[0]: conv2d: input is 4, not channels x rows x columns");
	refuses(IMAGE("{\"layer\":\"conv2d\"}"),
	        "architecture: layers[0]: conv2d: key 'out' is missing");
	refuses(IMAGE("{\"layer\":\"conv2d\",\"out\":4,\"groups\":3}"),
	        "architecture: layers[0]: conv2d: 3 groups do not divide 2 channels in and 4 out");
	refuses(IMAGE("{\"layer\":\"conv2d\",\"out\":4,\"kernel\":[6,5]}"),
	        "architecture: layers[0]: conv2d: a window of 6x5 is larger than the padded input");
	refuses(IMAGE("{\"layer\":\"conv2d\",\"out\":4,\"kernel\":[1,2,3]}"),
	        "architecture: layers[0]: conv2d: kernel: not one number, or rows and columns");
	refuses(IMAGE("{\"layer\":\"conv2d\",\"out\":1,\"kernel\":4096,\"padding\":4096}"),
	        "architecture: layers[0]: conv2d: the windows of an image hold more than "
	        "2147483648 numbers");
	refuses(IMAGE("{\"layer\":\"maxpool\",\"padding\":2}"),
	        "architecture: layers[0]: maxpool: padding is more than half the window");
	refuses(IMAGE("{\"layer\":\"groupnorm\",\"groups\":3}"),
	        "architecture: layers[0]: groupnorm: 3 groups do not divide 2 channels");
	refuses(IMAGE("{\"layer\":\"tokens\"},{\"layer\":\"attention\",\"heads\":3}"),
	        "architecture: layers[1]: attention: 3 heads do not divide 2");
	refuses(NET("{\"layer\":\"embedding\",\"num\":4}"),
	        "architecture: layers[0]: embedding: key 'dim' is missing");
	refuses(NET("{\"layer\":\"lstm\",\"hidden\":4}"),
	        "architecture: layers[0]: lstm: input is 4, not steps x values");
	refuses("{\"layers\":[" LIN "]}", "architecture: input: not a list of 1 to 8 sizes");
	refuses("{\"input\":[4294967296],\"layers\":[" LIN "]}",
	        "architecture: input[0]: not a size, or the shape is too large");
	refuses("{\"input\":[65536,65536],\"layers\":[" LIN "]}",
	        "architecture: input[1]: not a size, or the shape is too large");
	refuses("{\"input\":[2,2],\"layers\":[" LIN "]}",
	        "architecture: layers[0]: linear: input is 2x2, not a vector; "
	        "put a flatten layer before");
	refuses("{\"input\":[4],\"layers\":[" LIN "],\"loss\":\"c\"}",
	        "architecture: loss: no loss 'c'; did you mean 'ce'?");
	refuses("{\"input\":[4],\"layers\":[" LIN "],\"loss\":\"ce:weights=1+2\"}",
	        "architecture: loss: ce: weights: 2 for 3 classes");
	refuses("{\"input\":[4],\"layers\":[" LIN "],\"loss\":\"ce:weights=1++2\"}",
	        "architecture: loss: ce: weights: number 2 is not above 0");
	refuses("{\"input\":[4],\"layers\":[" LIN "],\"features\":1}",
	        "architecture: features: not the index of a layer in [0,0]");
	refuses("{\"input\":[4],\"layers\":[" LIN "],\"inputs\":1}",
	        "architecture: unknown key 'inputs', did you mean 'input'?");
	refuses("{\"input\":[4],\"input\":[4],\"layers\":[" LIN "]}",
	        "architecture: line 1, column 20: duplicate object key near '\"input\"'");
	refuses("mlp:in=16777216,hidden=1048576,out=10",
	        "mlp: layers[0]: linear: the net has more than 2147483648 parameters");
	refuses("mlp:in=16777216,hidden=127+1048576,out=1048576",
	        "mlp: layers[2]: linear: the net has more than 2147483648 parameters");
}

/* Every byte changed, and every length: builds, or says it is usage. */
static void damaged(void)
{
	static const char good[] =
		"{\"input\":[2,2],\"layers\":[{\"layer\":\"flatten\",\"name\":\"a\"},"
		"{\"layer\":\"linear\",\"out\":3,\"bias\":true},{\"layer\":\"relu\"},"
		"{\"layer\":\"linear\",\"out\":2}],\"loss\":\"ce\",\"features\":3}";
	static const char other[] = "\"{}[]:,0-9e.\\ut @\x01\xff";
	char s[sizeof good];
	int wrong = 0, built = 0;

	for (size_t i = 0; i < sizeof good; i++)
		for (size_t j = 0; j < sizeof other; j++) {
			struct fl_net net;

			memset(&e, 0, sizeof e);
			memcpy(s, good, sizeof good);
			s[i] = other[j];
			s[sizeof good - 1] = '\0';
			if (!fl_net_build(&net, s, &e)) {
				built++;
				fl_net_release(&net);
			} else if (e.code != FL_EUSAGE || !e.msg[0]) {
				wrong++;
			}
		}
	is_int(wrong, 0, "damaged JSON is usage");
	ok(built > 0, "unless it still says something");
}

static void json_file(void)
{
	char path[] = "/tmp/fl-arch-XXXXXX";
	static const char text[] = "{\n\"input\":[4],\n\"layers\":[" LIN "],\"los\":\"ce\"}\n";
	int fd = mkstemp(path);
	struct fl_net net;

	if (!ok(fd >= 0 && !fl_write_full(fd, text, sizeof text - 1, &e), "a JSON file"))
		return;
	ok(fl_model_net(&net, path, 1, &e) && strstr(e.msg, path) &&
	   strstr(e.msg, ": unknown key 'los', did you mean 'loss'?"),
	   "is read where files are allowed, and named in messages");
	ok(fl_model_net(&net, path, 0, &e) && !strstr(e.msg, "'los'"), "and not otherwise");
	close(fd);
	unlink(path);
}

static void init(void)
{
	struct fl_net a, b;
	fl_real *w, *v;
	double max = 0, sum = 0, sq = 0;
	size_t n;

	fl_model_net(&a, "mlp:in=100,hidden=50,out=10", 0, &e);
	fl_model_net(&b, "mlp:in=100,hidden=50,out=7", 0, &e);
	w = fl_alloc(a.P, sizeof *w, &e);
	v = fl_alloc(b.P, sizeof *v, &e);
	fl_net_init(&a, 5, w);
	fl_net_init(&b, 5, v);
	n = a.param[0].n;
	ok(!memcmp(w, v, n * sizeof *w), "a tensor's first values do not depend on later layers");
	for (size_t i = 0; i < n; i++) {
		double x = (double)w[i];

		max = fmax(max, fabs(x));
		sum += x;
		sq += x * x;
	}
	ok(max <= .1 && max > .0999, "weights lie in 1/sqrt(in), and reach it");
	is_near(sum / (double)n, 0, 4 * .1 / sqrt(3. * (double)n), "mean zero");
	is_near(3 * sq / (double)n / .01, 1, .06, "variance in^-1/3");
	ok(w[a.param[1].off] != 0, "the bias is drawn as well");
	fl_net_init(&b, 6, v);
	ok(memcmp(w, v, n * sizeof *w) != 0, "another seed, other weights");
	free(w);
	free(v);
	fl_net_release(&a);
	fl_net_release(&b);
}

static void records(void)
{
	struct fl_tset s = { 0 }, t = { 0 };
	struct fl_net net, other;
	float *w, *v;
	const struct fl_tensor *x;

	fl_model_net(&net, "mlp:in=20,hidden=17,out=3", 0, &e);
	fl_model_net(&other, "mlp:in=20,hidden=18,out=3", 0, &e);
	w = fl_alloc(net.P, sizeof *w, &e);
	v = fl_alloc(net.P, sizeof *v, &e);
	fl_net_init(&net, 1, w);
	ok(!fl_net_export(&net, w, "@m/", &s, &e), "weights go into a record, under a prefix");
	x = fl_tset_find(&s, "@m/0.weight");
	ok(x && x->dtype == FL_F32 && x->dim[0] == 17 && x->dim[1] == 20, "as F32 (out,in)");
	ok(x && ((float *)x->data)[3 * 20 + 5] == w[5 * 17 + 3], "held in x out");
	ok(!fl_net_import(&net, &s, "@m/", FL_ABSENT_REFUSE, v, &e) && !memcmp(w, v, net.P * sizeof *w),
	   "and come back");
	ok(fl_net_import(&net, &s, "", FL_ABSENT_REFUSE, v, &e) && e.code == FL_EDATA, "an absent tensor");
	is_str(e.msg, "tensor '0.weight' is missing", "is named");
	ok(!fl_net_import(&net, &s, "", FL_ABSENT_KEEP, v, &e) && !memcmp(w, v, net.P * sizeof *w),
	   "or left alone on request");
	ok(fl_net_import(&other, &s, "@m/", FL_ABSENT_REFUSE, v, &e) && e.code == FL_EDATA,
	   "another shape");
	is_str(e.msg, "tensor '@m/0.weight' is 17x20, the architecture has 18x20",
	       "is named with both shapes");
	((float *)x->data)[7] = NAN;
	ok(fl_net_import(&net, &s, "@m/", FL_ABSENT_REFUSE, v, &e) && e.code == FL_EDATA, "a NaN");
	is_str(e.msg, "tensor '@m/0.weight': element 7 is not finite", "is named with its place");
	fl_tset_add(&t, "0.weight", FL_I64, 2, net.param[0].dim, NULL, &e);
	ok(fl_net_import(&net, &t, "", FL_ABSENT_REFUSE, v, &e) && e.code == FL_EDATA, "integers");
	is_str(e.msg, "tensor '0.weight' is I64, want F64, F32, F16 or BF16", "are refused");
	fl_tset_release(&s);
	fl_tset_release(&t);
	free(w);
	free(v);
	fl_net_release(&net);
	fl_net_release(&other);
}

static void model_of(void)
{
	struct fl_tset s = { 0 };
	struct fl_net net;

	ok(fl_model_of(&net, &s, &e) && e.code == FL_EDATA, "a record without fl.arch is bad data");
	fl_meta_set(&s, "fl.arch", "mlp:in=0", &e);
	ok(fl_model_of(&net, &s, &e) && e.code == FL_EDATA, "so is one with a bad fl.arch");
	is_str(e.msg, "fl.arch: mlp: in: '0' is not a whole number in [1,16777216]", "said so");
	fl_meta_set(&s, "fl.arch", "test/unit/net.c", &e);
	ok(fl_model_of(&net, &s, &e) && e.code == FL_EDATA, "fl.arch is never a file");
	fl_tset_release(&s);
}

/* Adds a state of a client with one tensor of one number. */
static void write_record(struct fl_out *o, int64_t client, int64_t r, const char *tensor, float x)
{
	struct fl_tset s = { 0 };
	size_t one = 1;

	fl_meta_set_kind(&s, FL_KIND_STATE, &e);
	fl_meta_set_i64(&s, "fl.client", client, &e);
	fl_meta_set_i64(&s, "fl.round", r, &e);
	*(float *)fl_tset_add(&s, tensor, FL_F32, 1, &one, NULL, &e)->data = x;
	fl_stream_write(o, &s, &e);
	fl_tset_release(&s);
}

static void models(void)
{
	char dir[] = "/tmp/fl-net-XXXXXX", path[64];
	struct fl_models m;
	struct fl_tset s;
	struct fl_out o;
	char base[FL_HASH_TEXT];

	if (!ok(mkdtemp(dir) != NULL, "a folder"))
		return;
	snprintf(path, sizeof path, "%s/0007.sts", dir);
	fl_out_open(&o, path, 0, &e);
	write_record(&o, 7, 2, "v", 2);
	write_record(&o, 7, 3, "v", 3);
	write_record(&o, 7, 4, "@scaffold/c", 4);
	fl_out_commit(&o, &e);
	ok(!fl_models_open(&m, dir, &e) && m.folder, "a folder of personal models opens");
	if (ok(!fl_models_get(&m, 7, &s, base, &e), "a client's model"))
		ok(*(float *)fl_tset_find(&s, "v")->data == 3,
		   "is the newest record that holds plain tensors");
	ok(fl_hash_is_text(base), "with its hash");
	fl_tset_release(&s);
	ok(fl_models_get(&m, 8, &s, base, &e) && e.code == FL_EDATA, "a client without one is bad data");
	fl_out_open(&o, path, 0, &e);
	write_record(&o, 9, 2, "v", 2);
	fl_out_commit(&o, &e);
	ok(fl_models_get(&m, 7, &s, base, &e) && e.code == FL_EDATA, "another client's model");
	is_str(e.msg, "client 7: its model is client 9's", "is refused");
	fl_models_release(&m);
	ok(fl_models_open(&m, path, &e) && e.code == FL_EDATA, "a file must be one model");
	unlink(path);
	rmdir(dir);
}

#define CONV "{\"layer\":\"conv2d\",\"out\":4,\"padding\":1},{\"layer\":\"relu\"},{\"layer\":\"maxpool\"}"
#define DEEP "{\"input\":[2,8,8],\"layers\":[" CONV "," CONV ",{\"layer\":\"residual\",\"body\":[" \
	"{\"layer\":\"relu\"}]},{\"layer\":\"flatten\"},{\"layer\":\"linear\",\"out\":3}]}"

/* What the layers from at on make of what stands there is what the net makes of the
 * input: outputs, loss, and gradients in the places of the net's. */
static void same_above(const struct fl_net *net, struct fl_work *k, const fl_real *w,
                       const fl_real *g, const int32_t *y, size_t B, size_t at)
{
	fl_real *hg = fl_alloc(net->P, sizeof *hg, &e);
	struct fl_net head;
	struct fl_work hk;
	int wrong = 0;

	if (!ok(!fl_net_head(&head, net, at, &e) && !fl_work_init(&hk, &head, B, FL_WORK_TRAIN, &e),
	        "the layers above %zu are a net", at))
		return;
	memcpy(hk.act[0], k->act[at], B * fl_shape_count(&head.in) * sizeof(fl_real));
	fl_net_forward(&head, &hk, w, B, 0, NULL);
	ok(!memcmp(hk.act[head.nlayer], k->act[net->nlayer], B * net->classes * sizeof(fl_real)),
	   "above %zu: the same outputs", at);
	fl_net_loss(&head, &hk, y, B, 1);
	fl_net_backward(&head, &hk, w, hg, B, NULL, NULL, NULL);
	for (size_t i = 0; i < net->nparam; i++) {
		const struct fl_net_param *p = &net->param[i];

		for (size_t j = p->off; j < p->off + p->n; j++)
			wrong += memcmp(&hg[j], p->layer < at ? &(fl_real){ 0 } : &g[j], sizeof *g) != 0;
	}
	is_int(wrong, 0, "the same gradients, and none below");
	fl_work_release(&hk);
	fl_net_release(&head);
	free(hg);
}

/* Weights and gradients of a step on numbers of its own. */
static int take_step(const char *arch, struct fl_net *net, struct fl_work *k, fl_real **w,
                     fl_real **g, const int32_t *y, size_t B)
{
	if (!ok(!fl_model_net(net, arch, 0, &e) && !fl_work_init(k, net, B, FL_WORK_TRAIN, &e),
	        "%.30s builds", arch))
		return -1;
	*w = fl_alloc(net->P, sizeof **w, &e);
	*g = fl_alloc(net->P, sizeof **g, &e);
	fl_net_init(net, 4, *w);
	for (size_t i = 0; i < B * fl_shape_count(&net->in); i++)
		k->act[0][i] = (fl_real)(i * 37 % 101) / 50 - 1;
	fl_net_forward(net, k, *w, B, 0, NULL);
	fl_net_loss(net, k, y, B, 1);
	fl_net_backward(net, k, *w, *g, B, NULL, NULL, NULL);
	return 0;
}

/* A head's text builds the head. */
static void same_text(const struct fl_net *net, size_t at, size_t weights, const char *first)
{
	struct fl_net head, again;

	if (!ok(!fl_net_head(&head, net, at, &e) && !fl_net_build(&again, head.arch, &e), "builds"))
		return;
	is_int((long long)head.weights, (long long)weights, "numbers of its own");
	is_int((long long)again.weights, (long long)weights, "as many as its text says");
	is_str(again.param[0].name, first, "under the net's names");
	is_str(head.param[0].name, first, "as in the head");
	is_str(again.arch, head.arch, "the same text again");
	fl_net_release(&again);
	fl_net_release(&head);
}

static void heads(void)
{
	enum { B = 3 };
	static const int32_t y[B] = { 2, 0, 1 };
	struct fl_net net, head;
	struct fl_work k;
	fl_real *w, *g;

	if (take_step(DEEP, &net, &k, &w, &g, y, B))
		return;
	same_above(&net, &k, w, g, y, B, 0);
	same_above(&net, &k, w, g, y, B, 3);
	same_above(&net, &k, w, g, y, B, fl_net_feature_at(&net));
	same_text(&net, 3, 4 * 4 * 9 + 4 + 16 * 3 + 3, "3.weight");
	ok(fl_net_head(&head, &net, 7, &e) && e.code == FL_EDATA, "within a block there is no head");
	is_str(e.msg, "a layer from layers[6] on reads what is below", "and it says why");
	ok(fl_net_head(&head, &net, net.nlayer, &e) && e.code == FL_EDATA, "nor above the outputs");
	fl_work_release(&k);
	fl_net_release(&net);
	free(w);
	free(g);
}

/* Exits that are above are the head's, too. */
static void heads_with_exits(void)
{
	enum { B = 4 };
	static const int32_t y[B] = { 2, 0, 1, 1 };
	struct fl_net net, head;
	struct fl_work k;
	fl_real *w, *g;

	if (take_step("eemlp:in=9,hidden=8+7+6,out=3,weight=0.5", &net, &k, &w, &g, y, B))
		return;
	for (size_t at = 2; at < 9; at += 3)	/* after each relu */
		same_above(&net, &k, w, g, y, B, at);
	same_text(&net, 2, 3 * 9 + 7 * 9 + 3 * 8 + 6 * 8 + 3 * 7, "exit1.weight");
	if (ok(!fl_net_head(&head, &net, 5, &e), "above the second relu")) {
		is_int((long long)head.ntap, 1, "there is one exit beside the output");
		is_str(head.tap[0].name, "exit2", "the second");
		fl_net_release(&head);
	}
	ok(fl_net_head(&head, &net, 3, &e) && e.code == FL_EDATA, "above an exit there is no head");
	fl_work_release(&k);
	fl_net_release(&net);
	free(w);
	free(g);
}

int main(void)
{
	heads();
	heads_with_exits();
	names_of_mlp();
	names_in_blocks();
	names_of_preset();
	round_trips();
	branches_and_taps();
	parts();
	errors();
	damaged();
	json_file();
	init();
	records();
	model_of();
	models();
	return tap_done();
}
