// Before a program that Emscripten made: what node's environment has is the program's too.
Module['preRun'] = [function () { Object.assign(ENV, process.env); }];
