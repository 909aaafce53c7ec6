/* The family of server optimisers; its list is generated from the files here. */
#include "fed/server/server.h"

const struct fl_family fl_family_server = {
	.name = "server", .list = fl_server_list, .doc = "what the combined update does to the model",
};
