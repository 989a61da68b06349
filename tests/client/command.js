// Run a command of these tests: `node FILE CONFIG`, where CONFIG is JSON.
'use strict';

// Print what `play(config)` resolves to, if that is anything, as JSON; fail if it does not.
exports.command = (play) => {
  const playing = (async () => play(JSON.parse(process.argv[2])))();
  playing.then((results) => {
    if (results !== undefined) process.stdout.write(JSON.stringify(results));
    process.exit(0);
  }, (error) => {
    console.error(error);
    process.exit(1);
  });
};
