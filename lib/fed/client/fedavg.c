/* FedAvg's client: plain local training. */
#include "fed/client/client.h"

const struct fl_method fl_method_fedavg = {
	.e = {
		.name = "fedavg",
		.title = "FedAvg",
		.cite = "McMahan et al., AISTATS 2017, arXiv 1602.05629",
		.doc = "plain local training",
		.formula = "w -= lr grad F_k(w)",
	},
};
