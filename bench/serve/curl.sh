#!/usr/bin/env bash
# curl against every endpoint of a running server that was started with --data: bench/serve/curl.sh ADDRESS MODEL
# Prints one line a check and ends with a count; exit code 1 if one fails. node reads the replies.
set -uo pipefail
address=${1:?expected an address} model=${2:?expected a model}
address=${address%/}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0

# NAME STATUS EXPRESSION CURL-ARGUMENTS: the reply is in r (JSON) and t (text) of the expression.
check() {
  local name=$1 status=$2 expression=$3 got
  shift 3
  got=$(curl -s -o "$work/reply" -w '%{http_code}' "$@")
  if [ "$got" = "$status" ] && node -e '
      const t = require("fs").readFileSync(process.argv[1], "utf8");
      let r; try { r = JSON.parse(t) } catch { r = undefined }
      process.exit(eval(process.argv[2]) ? 0 : 1)' "$work/reply" "$expression"; then
    passed=$((passed + 1))
    echo "ok     $name"
  else
    failed=$((failed + 1))
    echo "FAILED $name: $got $(head -c 300 "$work/reply")"
  fi
}
field() { node -pe "JSON.parse(require('fs').readFileSync('$work/reply', 'utf8'))$1"; }

check live 200 'true' "$address/health/live"
check ready 200 'true' "$address/health/ready"
check models 200 "r.data.some(m => m.id === '$model')" "$address/v1/models"
check 'one model' 200 "r.id === '$model'" "$address/v1/models/$model"
check 'no such model' 404 'r.error.code === "model_not_found"' "$address/v1/models/none"
check metrics 200 't.includes("headtap_")' "$address/metrics"
check explorer 200 't.includes("<html")' "$address/"
check tokenize 200 'r.tokens.length > 0' --json "{\"model\": \"$model\", \"prompt\": \"The capital\"}" "$address/tokenize"
ids=$(field '.tokens.join(",")')
check detokenize 200 'r.prompt.includes("The capital")' --json "{\"model\": \"$model\", \"tokens\": [$ids]}" \
  "$address/detokenize"
check completions 200 'r.usage.completion_tokens === 3 && r.choices[0].text.length > 0' \
  --json "{\"model\": \"$model\", \"prompt\": \"The capital of Peru is\", \"max_tokens\": 3, \"temperature\": 0}" \
  "$address/v1/completions"
check 'completions, streamed' 200 't.trim().endsWith("data: [DONE]") && t.includes("\"usage\"")' -N \
  --json "{\"model\": \"$model\", \"prompt\": [5, 6], \"max_tokens\": 3, \"stream\": true, \
    \"stream_options\": {\"include_usage\": true}}" "$address/v1/completions"
check 'an unknown field' 400 'r.error.param === "nonsense"' \
  --json "{\"model\": \"$model\", \"prompt\": \"a\", \"nonsense\": 1}" "$address/v1/completions"
check 'broken JSON' 400 'r.error.type === "invalid_request_error"' --json '{"model": ' "$address/v1/completions"
check 'no JSON' 415 'r.error.message.length > 0' -H 'content-type: text/plain' -d x "$address/v1/completions"
check 'wrong method' 405 'r.error.message.length > 0' "$address/v1/completions"
check embeddings 200 'r.data[0].embedding.length > 1' --json "{\"model\": \"$model\", \"input\": \"one\"}" \
  "$address/v1/embeddings"
check 'embeddings, base64' 200 'Buffer.from(r.data[0].embedding, "base64").length % 4 === 0' \
  --json "{\"model\": \"$model\", \"input\": \"one\", \"encoding_format\": \"base64\"}" "$address/v1/embeddings"
check sites 200 'r.data?.length > 0 || r.sites?.length > 0' "$address/v1/headtap/sites?model=$model"
check capabilities 200 'Object.keys(r).length > 0' "$address/v1/headtap/capabilities?model=$model"
run="{\"model\": \"$model\", \"inputs\": [{\"ids\": [5, 6, 7]}], \"reads\": [{\"site\": \"blocks.*.attn.hook_z\"}], \
  \"edits\": [{\"site\": \"blocks.0.hook_attn_out\", \"op\": \"zero\"}], \
  \"grads\": {\"of\": \"loss\", \"at\": [\"blocks.0.hook_resid_pre\"]}}"
check run 200 'Object.values(r.results[0].reads)[0].shape[0] === 3 && r.replay' --json "$run" "$address/v1/headtap/run"
check 'run, as safetensors' 200 't.includes("0.logits_last")' -H 'accept: application/octet-stream' --json "$run" \
  "$address/v1/headtap/run"
check 'a site that matches nothing' 400 'r.error.code === "site_not_found"' \
  --json "{\"model\": \"$model\", \"inputs\": [{\"ids\": [5]}], \"reads\": [{\"site\": \"nowhere\"}]}" \
  "$address/v1/headtap/run"
for i in 1 2; do
  echo "{\"custom_id\": \"r$i\", \"method\": \"POST\", \"url\": \"/v1/completions\", \"body\": \
{\"model\": \"$model\", \"prompt\": [5, 6], \"max_tokens\": $i}}"
done >"$work/in.jsonl"
check 'a file' 200 'r.id.startsWith("file-")' -F purpose=batch -F "file=@$work/in.jsonl" "$address/v1/files"
file=$(field .id)
check 'its bytes' 200 't.split("\n").length === 3' "$address/v1/files/$file/content"
check 'a range of them' 206 't === "{\"custom"' -H 'range: bytes=0-7' "$address/v1/files/$file/content"
check 'a range beyond' 416 'true' -H 'range: bytes=99999-' "$address/v1/files/$file/content"
check 'a path for an id' 404 'r === undefined || r.error' --path-as-is "$address/v1/files/..%2f..%2fetc%2fpasswd/content"
check 'a batch' 200 'r.id.startsWith("batch_")' --json "{\"input_file_id\": \"$file\", \
  \"endpoint\": \"/v1/completions\", \"completion_window\": \"24h\"}" "$address/v1/batches"
batch=$(field .id)
for _ in $(seq 100); do
  curl -s "$address/v1/batches/$batch" >"$work/reply"
  [ "$(field .status)" = completed ] && break
  sleep 0.1
done
check 'its end' 200 'r.status === "completed" && r.request_counts.completed === 2' "$address/v1/batches/$batch"
check 'its output' 200 't.trim().split("\n").length === 2' "$address/v1/files/$(field .output_file_id)/content"
check 'batches' 200 'r.data.length > 0' "$address/v1/batches"
check 'cancelled too late' 200 'r.status === "completed"' -X POST "$address/v1/batches/$batch/cancel"
check 'the file deleted' 200 'r.deleted === true' -X DELETE "$address/v1/files/$file"
check 'jobs' 200 'Array.isArray(r.data)' "$address/v1/headtap/jobs"
check 'no such page' 404 'r.error' "$address/v1/nothing"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
