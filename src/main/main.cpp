#include "main/commands.hpp"

int main(int argc, char** argv) { return herald::run_herald(argc, argv); }
