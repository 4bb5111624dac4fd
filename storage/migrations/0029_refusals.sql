-- How often a message was refused for this reason. Who replays it marks the row only if that has not
-- changed since. (The version of the row, xmin, is not there in the columnstore.)
ALTER TABLE rejections ADD refusals integer NOT NULL DEFAULT 1;
