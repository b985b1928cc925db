// Puts a load on the pool of the node-postgres snippet: node load.js SNIPPET. Prints what failed, as JSON.
const { pool, transaction } = require(require('path').resolve(process.argv[2]));

async function work(statement, times, errors) {
  for (let time = 0; time < times; time++) {
    try {
      await transaction((client) => client.query(statement));
    } catch (error) {
      errors[error.message] = (errors[error.message] || 0) + 1;
    }
  }
}

(async () => {
  const refused = {}, failed = {};
  await work('SELECT 1/0', 9, refused); // more often than the pool has connections: each has to come back
  await Promise.all(Array.from({ length: 8 }, () => work('SELECT 1', 25, failed)));
  await pool.end();
  const sum = Object.values(refused).reduce((one, other) => one + other, 0);
  console.log(JSON.stringify({ refused: sum, failed }));
})();
