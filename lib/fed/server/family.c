/* The family of server optimisers; its list is generated from the files here. */
#include "fed/server/server.h"

const struct fl_family fl_family_server = {
	"server", fl_server_list, "what the combined update does to the model"
};
